"""Where the time of a run went, out of its report's outcomes: as a table, and as a picture of nodes by time."""
