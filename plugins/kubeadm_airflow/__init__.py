"""Airflow's hands: hooks that look and act, operators, sensors and triggers that carry the procedure."""
