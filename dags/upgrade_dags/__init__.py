"""The shapes of the DAGs: which tasks exist, and what waits for what."""
