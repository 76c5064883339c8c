"""What was not looked at raises when it is asked for: absence never looks like health (design, decision 18)."""

from __future__ import annotations

from typing import Any, NoReturn


class NotLookedAt(LookupError):
    """A step judged by something that its `needs` do not name: a mistake of ours, and never a state of the cluster."""


class _Unseen:
    """Stands where a fact would be, and tells nothing about it."""

    def _refuse(self, what: str) -> NoReturn:
        raise NotLookedAt(f"{what} was asked for, and was not looked at: name it in the step's needs")

    def __getattr__(self, name: str) -> Any:
        # dunder names are asked for by copy, pickle and dataclasses, which must see that there is nothing
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse(name)

    def __iter__(self) -> NoReturn:
        self._refuse("a list")

    def __bool__(self) -> bool:
        raise NotLookedAt("whether there is any was asked for, and was not looked at: name it in the step's needs")

    def __repr__(self) -> str:
        return "UNSEEN"


UNSEEN: Any = _Unseen()
