"""What runs have written into Airflow's database, made up: for tests and measures of whoever reads it."""
