"""make venv: from a fresh clone to a whole .venv, by whatever Python is there; nothing is installed yet."""
