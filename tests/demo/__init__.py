"""make demo: a simulated cluster, a real Airflow, and an upgrade to watch."""
