"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says more of what else the machine is doing than of the code: figures are for make bench.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
