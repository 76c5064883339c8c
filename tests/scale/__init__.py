"""What many clusters, and many workers, cost a real Airflow: make bench-scale."""
