"""What preflight checks, by what it looks at. preflight.py says which of them block."""
