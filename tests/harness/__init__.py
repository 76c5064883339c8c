"""A real Airflow for the tests and the demo: started, talked to over its REST API, broken and stopped."""
