"""Real .deb and .rpm packages of Kubernetes with stand-ins inside, and a server laid out like pkgs.k8s.io."""
