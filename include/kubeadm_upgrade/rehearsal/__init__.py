"""What drains would meet if they began now: nothing is moved for it, and it is an estimate. See docs/drain.md."""
