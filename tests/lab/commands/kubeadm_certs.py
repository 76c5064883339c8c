"""kubeadm certs check-expiration; golden/kubeadm-certs-check-expiration.txt and …-1.34.txt."""

from __future__ import annotations

import json
import time

from lab.commands.kubeadm_cluster import reading_configuration, refuse_early
from lab.options import Options
from lab.process import Process
from lab.timestamps import rfc3339

_DAY = 86400.0
_CERTIFICATES = (
    ("admin.conf", ""), ("apiserver", "ca"), ("apiserver-etcd-client", "etcd-ca"),
    ("apiserver-kubelet-client", "ca"),
    ("controller-manager.conf", ""), ("etcd-healthcheck-client", "etcd-ca"), ("etcd-peer", "etcd-ca"),
    ("etcd-server", "etcd-ca"), ("front-proxy-client", "front-proxy-ca"), ("scheduler.conf", ""),
)  # fmt: skip
_AUTHORITIES = ("ca", "etcd-ca", "front-proxy-ca")


def check_expiration(process: Process, options: Options) -> int:
    if (code := refuse_early(process, needs_admin=True)) is not None:
        return code
    kubeadm = process.host.installed("kubeadm")
    # From 1.28 on the kubeconfig files name the authority they were signed by.
    rows = [(name, ca or ("ca" if kubeadm.minor >= 28 else "")) for name, ca in _CERTIFICATES]
    if kubeadm.minor >= 29:
        rows.append(("super-admin.conf", "ca"))
    end, ca_end = time.time() + 364.5 * _DAY, time.time() + 9.99 * 365 * _DAY
    if options.last("-o", "--output") == "json":
        process.print(json.dumps(_document(rows, end, ca_end), indent=4))
        return 0
    process.print(reading_configuration(kubeadm, "check-expiration") + "\n")
    process.print(
        "CERTIFICATE                EXPIRES                  RESIDUAL TIME   CERTIFICATE AUTHORITY   EXTERNALLY MANAGED"
    )
    for name, ca in rows:
        process.print(f"{name:<27}{_date(end):<25}{'364d':<16}{ca:<24}no      ")
    process.print("\nCERTIFICATE AUTHORITY   EXPIRES                  RESIDUAL TIME   EXTERNALLY MANAGED")
    for name in _AUTHORITIES:
        process.print(f"{name:<24}{_date(ca_end):<25}{'9y':<16}no      ")
    return 0


def _date(moment: float) -> str:
    return time.strftime("%b %d, %Y %H:%M UTC", time.gmtime(moment))


def _document(rows: list[tuple[str, str]], end: float, ca_end: float) -> dict[str, object]:
    def entry(name: str, moment: float) -> dict[str, object]:
        left = int(moment - time.time())
        return {
            "name": name,
            "expirationDate": rfc3339(moment),
            "residualTime": left,
            "externallyManaged": False,
            "missing": False,
        }

    kind = {"kind": "CertificateExpirationInfo", "apiVersion": "output.kubeadm.k8s.io/v1alpha3"}
    authorities = [entry(name, ca_end) for name in _AUTHORITIES]
    certificates = [entry(name, end) | {"caName": ca} for name, ca in rows]
    return kind | {"certificates": certificates, "certificateAuthorities": authorities}
