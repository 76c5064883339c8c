"""What a run's tasks are made of: one operator for every step, and one for each task of the run as a whole."""
