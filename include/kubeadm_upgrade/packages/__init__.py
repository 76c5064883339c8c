"""Package managers behind one port: apt and dnf."""
