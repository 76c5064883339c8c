"""One object in the cluster itself: who upgrades it, who is out of service, what is paused or given up."""
