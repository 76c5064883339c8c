"""The planner: which hops a cluster goes through, and which workers move in each."""
