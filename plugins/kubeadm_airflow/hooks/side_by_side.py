"""Several questions side by side, and never more than so many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def some_at_once(asking: Iterable[Coroutine[Any, Any, T]], most: int) -> list[T]:
    """Their answers in their order. The first that fails is told at once, and the others go on."""
    return await asyncio.gather(*_through_a_gate(asking, most))


async def all_at_their_end(asking: Iterable[Coroutine[Any, Any, T]], most: int) -> list[T]:
    """All are waited for, also where one fails: none goes on behind the back of whoever asked."""
    found = await asyncio.gather(*_through_a_gate(asking, most), return_exceptions=True)
    for answer in found:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in found if not isinstance(answer, BaseException)]


def _through_a_gate(asking: Iterable[Coroutine[Any, Any, T]], most: int) -> list[Coroutine[Any, Any, T]]:
    gate = asyncio.Semaphore(most)

    async def one(coroutine: Coroutine[Any, Any, T]) -> T:
        async with gate:
            return await coroutine

    return [one(coroutine) for coroutine in asking]
