"""A static Pod of the control plane, as its mirror Pod shows it, and which version it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from kubeadm_upgrade.errors import UnreadableOutput
from kubeadm_upgrade.local_etcd import LocalEtcd
from kubeadm_upgrade.version import Version


@dataclass(frozen=True)
class StaticPod:
    """One control plane component on one node, from its mirror Pod."""

    component: str
    node: str
    image_tag: str
    ready: bool
    created: datetime | None = None  # the mirror Pod: a kubelet of another minor release makes it anew
    image: str = ""  # whole, for sentences
    local_etcd: LocalEtcd | None = None  # of etcd, where it was looked at what it was started with
    command: tuple[str, ...] = field(default=(), repr=False)  # with its arguments, which may hold a secret

    @property
    def version(self) -> Version:
        """Of etcd too: its tags end in a count of rebuilds, `3.5.24-0`. Raises UnreadableOutput on any other tag."""
        try:
            return Version.of_tag(self.image_tag.partition("-")[0] if self.component == "etcd" else self.image_tag)
        except ValueError as error:
            raise UnreadableOutput(
                f"Pod kube-system/{self.component}-{self.node} on {self.node} runs the image "
                f"{self.image or self.image_tag}, whose tag is no version: name in its manifest an image with a tag "
                f"such as {'3.5.24-0' if self.component == 'etcd' else 'v1.29.4'}; a digest may follow the tag"
            ) from error

    @property
    def unversioned(self) -> str | None:
        """Why nobody can say which version this is; None where its image says it."""
        try:
            self.version  # noqa: B018
        except UnreadableOutput as error:
            return str(error)
        return None
