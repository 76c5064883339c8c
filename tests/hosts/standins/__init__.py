"""Programs that stand for kubeadm, kubelet, kubectl and crictl on a real host, and the lab that answers them."""
