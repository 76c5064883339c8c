"""What commands print on a recorded cluster, in the lab and on real hosts, in one table."""
