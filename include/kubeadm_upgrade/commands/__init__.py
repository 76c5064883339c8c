"""Commands of `python -m kubeadm_upgrade` that need more than rules: a look at a cluster, a person to ask."""
