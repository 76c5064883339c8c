"""What the ring gives compose instead of images from a registry."""

from __future__ import annotations

from pathlib import Path

from hosts.docker import docker

_HERE = Path(__file__).parent
_ROOT = "kubeadm-fleet-compose/root:ring"
# the variables of .env that name an image
_VARIABLES = {"airflow": "BASE_IMAGE", "postgres": "POSTGRES_IMAGE", "redis": "REDIS_IMAGE"}


def provide(filesystem: Path) -> dict[str, str]:
    """Build them; returns what .env must say."""
    docker("import", str(filesystem), _ROOT, timeout=300)
    return {variable: build(name) for name, variable in _VARIABLES.items()}


def build(name: str) -> str:
    tag = f"kubeadm-fleet-compose/{name}:ring"
    dockerfile = (_HERE / f"{name}.Dockerfile").read_bytes()
    docker("build", "--quiet", "--tag", tag, "--build-arg", f"ROOT={_ROOT}", "-", stdin=dockerfile, timeout=120)
    return tag
