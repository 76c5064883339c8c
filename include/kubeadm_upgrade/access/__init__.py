"""What must be so before a run is possible: connections, rights, keys, login, sudo, repository, clock.

Not whether an upgrade would be wise, which is preflight's: only whether we may and can look and act at all.
"""
