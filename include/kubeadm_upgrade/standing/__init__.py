"""Standing rules: what must be so before every action of every step."""
