"""What may be run as root on a host, and how sudo is told: generated from the code that runs it."""
