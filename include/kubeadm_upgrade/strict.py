"""How our YAML files are read: every key must be known, and nothing of a file is repeated in tracebacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Names = TypeVar("Names", bound=Sequence[str])


# as YAML has them: pydantic would take "on" and 1 for true, and true, 2.0 and "2" for numbers
YesNo = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]


class Strict(BaseModel):
    """A mapping of a file."""

    # an error's cause is in tracebacks, and a value may hold a password
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def each_once(names: Names) -> Names:
    """As they are. Raises ValueError for a list that has one twice, as after a bad merge."""
    if twice := [name for at, name in enumerate(names) if name in names[:at]]:
        raise ValueError(f"{twice[0]} is there twice: remove one of them")
    return names


# what a list of names in a file is annotated with
EACH_ONCE = AfterValidator(each_once)
