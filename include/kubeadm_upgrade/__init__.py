"""What must happen to upgrade a kubeadm cluster, and when it is done: no Airflow, no SSH, no Kubernetes client."""
