"""Who may be taken out of service next: a lane of nodes, and a list of gates."""
