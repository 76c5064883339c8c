"""The one error that a user of the demo sees."""

from __future__ import annotations


class Complaint(Exception):
    """What is wrong and what to do about it, in sentences for whoever typed `make demo`."""


class RunFailed(Complaint):
    """A run that goes on as soon as its failed task is cleared."""
