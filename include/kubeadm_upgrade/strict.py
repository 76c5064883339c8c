"""How our YAML files are read: every key must be known, and nothing of a file is repeated in tracebacks."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A mapping of a file."""

    # an error's cause is in tracebacks, and a value may hold a password
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
