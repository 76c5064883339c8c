"""The outside world: a cluster's Kubernetes API, a host over SSH, and both together as the port of the engine."""
