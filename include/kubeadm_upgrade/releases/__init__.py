"""What is known of each Kubernetes release: facts as data, with their sources."""
