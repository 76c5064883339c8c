"""In which order workers move, how many of each group, after which pause, and when a rollout halts."""
