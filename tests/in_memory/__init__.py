"""A cluster in memory, for tests of the domain: what it starts as, and what actions do to it."""
