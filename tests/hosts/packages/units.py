"""The kubelet's unit, its drop-in and what happens to them when a package is installed or removed.

The drop-in belongs to the kubeadm package. Since the packages of pkgs.k8s.io it lies under /usr/lib and is the
package's own; before that it was a configuration file under /etc, which people edited.
"""

from __future__ import annotations

from hosts.packages.model import Format, Scripts

UNIT_PATH = "/usr/lib/systemd/system/kubelet.service"
DROP_IN = "kubelet.service.d/10-kubeadm.conf"
ENVIRONMENT = {Format.DEB: "/etc/default/kubelet", Format.RPM: "/etc/sysconfig/kubelet"}
FIRST_MINOR_UNDER_USR = 28

UNIT = """\
[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
"""

_DROP_IN = """\
# Note: This dropin only works with kubeadm and kubelet v1.11+
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
--kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
# This is a file that "kubeadm init" and "kubeadm join" generate at runtime
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
# This is a file that the user can use for overrides of the kubelet args as a last resort
EnvironmentFile=-{environment}
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
"""

# A package that is installed while systemd does not run (an image being built) must not fail.
_RELOAD = "if [ -d /run/systemd/system ]; then systemctl --system daemon-reload >/dev/null || true; fi\n"

_DEB = Scripts(
    after_install="""\
case "$1" in configure | abort-upgrade | abort-deconfigure | abort-remove)
    deb-systemd-helper unmask kubelet.service >/dev/null || true
    if deb-systemd-helper --quiet was-enabled kubelet.service; then
        deb-systemd-helper enable kubelet.service >/dev/null || true
    else
        deb-systemd-helper update-state kubelet.service >/dev/null || true
    fi ;;
esac
"""
    + _RELOAD,
    before_remove="""\
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then systemctl stop kubelet.service >/dev/null || true; fi
""",
    after_remove=_RELOAD
    + """\
if [ "$1" = purge ]; then deb-systemd-helper purge kubelet.service >/dev/null || true; fi
""",
)
# Red Hat's systemd presets keep a new unit disabled; its reload is a file trigger there, which a bare rpm has not.
_RPM = Scripts(
    after_install=_RELOAD,
    before_remove="""\
if [ "$1" -eq 0 ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now kubelet.service >/dev/null 2>&1 || true
fi
""",
    after_remove=_RELOAD,
)
SCRIPTS = {Format.DEB: _DEB, Format.RPM: _RPM}
RELOAD = Scripts(after_install=_RELOAD, after_remove=_RELOAD)


def drop_in_path(minor: int) -> str:
    return f"/{'usr/lib' if minor >= FIRST_MINOR_UNDER_USR else 'etc'}/systemd/system/{DROP_IN}"


def drop_in(form: Format) -> str:
    return _DROP_IN.format(environment=ENVIRONMENT[form])
