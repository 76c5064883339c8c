"""The one error that a user of the demo sees."""

from __future__ import annotations


class Complaint(Exception):
    """What is wrong and what to do about it, in sentences for whoever typed `make demo`."""
