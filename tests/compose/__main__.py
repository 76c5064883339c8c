"""`python -m compose` makes the ring's file system ahead of it, where there is something else to wait for meanwhile."""

from __future__ import annotations

import sys

from compose import filesystem
from hosts.docker import DockerError, why_not_own
from hosts.images import cache_directory


def main() -> None:
    """Silent where it went well; the ring says itself what it skips."""
    if why_not_own() is None:
        try:
            filesystem.archive(cache_directory())
        except DockerError as error:
            sys.exit(f"compose: {error}")


if __name__ == "__main__":
    main()
