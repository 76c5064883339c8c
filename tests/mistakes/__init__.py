"""The mistakes of a first hour, as tables: how each is made, what is said then, and what to do about it."""
