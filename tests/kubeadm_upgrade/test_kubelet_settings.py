"""What a kubelet will be told, from its unit, its files and, where those do not say all of it, its command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.golden import FOLDER
from kubeadm_upgrade.errors import UnreadableOutput
from kubeadm_upgrade.kubelet_settings import EXTRA_ARGS, KUBEADM_FLAGS, KUBELET_CONFIG, places, read_kubelet, says_all
from kubeadm_upgrade.settings import NO_SETTINGS, Settings
from kubeadm_upgrade.systemd_service import Service, read_service

# golden/kubelet-files-w1.txt
OWN = (
    'KUBELET_KUBEADM_ARGS="--container-runtime=remote --container-runtime-endpoint=/run/containerd/containerd.sock '
    '--pod-infra-container-image=k8s.gcr.io/pause:3.5"\n'
)
DEFAULTS, SYSCONFIG = EXTRA_ARGS
UNIT = Service(
    ("/usr/bin/kubelet", "$KUBELET_KUBEADM_ARGS", "$KUBELET_EXTRA_ARGS"), environment_files=(KUBEADM_FLAGS, DEFAULTS)
)
UNKNOWN = Service()
PAUSE = "pod-infra-container-image"


def extra(*flags: str, **more: object) -> Settings:
    return Settings(flags=flags, **more)


@pytest.mark.parametrize(
    ("files", "settings"),
    [
        pytest.param({}, NO_SETTINGS, id="no file"),
        pytest.param(
            {KUBEADM_FLAGS: OWN},
            Settings(kubeadm_flags=("container-runtime", "container-runtime-endpoint", PAUSE)),
            id="kubeadm's own, of a real node",
        ),
        pytest.param(
            {DEFAULTS: "# ours\nKUBELET_EXTRA_ARGS=--cloud-provider=external\n"},
            extra("cloud-provider"),
            id="Debian's file, without quotes",
        ),
        pytest.param(
            {SYSCONFIG: "KUBELET_EXTRA_ARGS='--feature-gates=A=true,B=false --v 4'\n"},
            extra("feature-gates", "v", feature_gates=("A", "B"), feature_gates_off=("B",)),
            id="Red Hat's file, gates among the flags",
        ),
        pytest.param(
            {DEFAULTS: f"KUBELET_EXTRA_ARGS=--node-ip=192.0.2.7 --{PAUSE}=registry.example/pause:3.9\n"},
            extra("node-ip", PAUSE),
            id="two flags without quotes",
        ),
        pytest.param(
            {DEFAULTS: f'KUBELET_EXTRA_ARGS="--node-ip=192.0.2.7 --{PAUSE}=registry.example/pause:3.9"\n'},
            extra("node-ip", PAUSE),
            id="the same in quotes",
        ),
        pytest.param(
            {DEFAULTS: f"KUBELET_EXTRA_ARGS=--node-ip=192.0.2.7 \\\n  --{PAUSE}=registry.example/pause:3.9\n"},
            extra("node-ip", PAUSE),
            id="the same on two lines",
        ),
        pytest.param(
            {DEFAULTS: "KUBELET_EXTRA_ARGS=--fail-swap-on=false -v 3\n"},
            extra("fail-swap-on", "v", runs_with_swap=True),
            id="a short flag with a blank, without quotes",
        ),
        pytest.param(
            {DEFAULTS: "KUBELET_EXTRA_ARGS=-v 3 --fail-swap-on=false\n"},
            extra("fail-swap-on", "v", runs_with_swap=True),
            id="the same the other way round",
        ),
        pytest.param(
            {DEFAULTS: "KUBELET_EXTRA_ARGS=--feature-gates HugePages=false\n"},
            extra("feature-gates", feature_gates=("HugePages",), feature_gates_off=("HugePages",)),
            id="a gate behind a blank",
        ),
        pytest.param(
            {DEFAULTS: "KUBELET_EXTRA_ARGS=--feature-gates=A=true --feature-gates=B=true\n"},
            extra("feature-gates", feature_gates=("A", "B")),
            id="gates given twice",
        ),
        pytest.param(
            {DEFAULTS: "; it's ours\nKUBELET_EXTRA_ARGS=--v=2\n"}, extra("v"), id="a comment of the other kind"
        ),
        pytest.param(
            {DEFAULTS: "KUBELET_EXTRA_ARGS=--fail-swap-on=false --fail-swap-on\n"},
            extra("fail-swap-on"),
            id="the last one holds",
        ),
        pytest.param(
            {KUBELET_CONFIG: "failSwapOn: false\n", DEFAULTS: "KUBELET_EXTRA_ARGS=--fail-swap-on=1\n"},
            extra("fail-swap-on"),
            id="a flag goes over the configuration",
        ),
        pytest.param(
            {KUBEADM_FLAGS: "KUBELET_KUBEADM_ARGS=--v=2\n", DEFAULTS: "KUBELET_EXTRA_ARGS=--v=4\n"},
            Settings(flags=("v",), kubeadm_flags=("v",)),
            id="in kubeadm's file and in ours",
        ),
        pytest.param(
            {KUBELET_CONFIG: "kind: KubeletConfiguration\nfeatureGates:\n  C: true\n"},
            Settings(feature_gates=("C",)),
            id="gates in the configuration file",
        ),
        pytest.param(
            {
                KUBELET_CONFIG: "featureGates: {C: false, D: false}\n",
                DEFAULTS: "KUBELET_EXTRA_ARGS=--feature-gates=D=1\n",
            },
            extra("feature-gates", feature_gates=("C", "D"), feature_gates_off=("C",)),
            id="a gate's flag goes over the configuration",
        ),
        pytest.param(
            {KUBEADM_FLAGS: "KUBELET_KUBEADM_ARGS=--cloud-provider=aws\n"},
            Settings(kubeadm_flags=("cloud-provider",), cloud_provider="aws"),
            id="a cloud provider within the kubelet",
        ),
        pytest.param(
            {KUBELET_CONFIG: "failCgroupV1: false\n"}, Settings(runs_on_cgroup_v1=True), id="told to run on cgroup v1"
        ),
        pytest.param(
            {KUBELET_CONFIG: "failCgroupV1: false\n", DEFAULTS: "KUBELET_EXTRA_ARGS=--fail-cgroupv1=true\n"},
            extra("fail-cgroupv1"),
            id="there too a flag goes over the configuration",
        ),
        pytest.param({DEFAULTS: "KUBELET_EXTRA_ARGS=\n"}, NO_SETTINGS, id="nothing set"),
        pytest.param({DEFAULTS: "KUBELET_EXTRA_ARGS='--v=4\n"}, extra("v"), id="quotes that are not closed"),
    ],
)
def test_a_kubelet(files, settings):
    """From its environment files and its configuration, where systemd knows no unit; and alike where it knows one."""
    assert read_kubelet(UNKNOWN, files) == settings
    if SYSCONFIG not in files:
        assert read_kubelet(UNIT, files) == settings


def test_a_real_unit_whose_drop_in_sets_a_flag():
    """As systemd shows it; what the packages themselves pass is among the flags."""
    service = read_service((FOLDER / "systemctl-show-kubelet-service.txt").read_text())
    assert says_all(service)
    given_by_packages = ("bootstrap-kubeconfig", "config", "kubeconfig")
    assert read_kubelet(service, {KUBEADM_FLAGS: OWN}).flags == (*given_by_packages, "node-ip", PAUSE)
    emptied = {KUBEADM_FLAGS: OWN, DEFAULTS: "KUBELET_EXTRA_ARGS=\n"}
    assert read_kubelet(service, emptied).flags == given_by_packages


@pytest.mark.parametrize(
    "service",
    [
        pytest.param(UNKNOWN, id="systemd knows no kubelet"),
        pytest.param(Service(("/usr/local/bin/start-kubelet", "$KUBELET_EXTRA_ARGS")), id="a script in between"),
        pytest.param(
            Service(("/usr/bin/kubelet", "$ARGS"), environment_files=("/etc/kubernetes/kubelet.env",)),
            id="an environment file elsewhere",
        ),
    ],
)
def test_where_files_do_not_say_all_the_one_that_runs_does(service):
    """But for what kubeadm wrote for it, and will clean."""
    running = ("/usr/bin/kubelet", "--container-runtime=remote", "--cloud-config=/x", "--feature-gates", "A=true")
    assert not says_all(service)
    assert read_kubelet(service, {KUBEADM_FLAGS: OWN}, running) == Settings(
        flags=("cloud-config", "feature-gates"),
        kubeadm_flags=("container-runtime", "container-runtime-endpoint", PAUSE),
        feature_gates=("A",),
    )


# as systemd 239 of Red Hat 8 shows kubeadm's own unit and a drop-in: `good ? str : "[unprintable]"` in its
# src/shared/bus-util.c, where a value with a blank in it is not good
OF_RED_HAT_8 = """ExecStart={ path=/usr/bin/kubelet ; argv[]=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS \
$KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS ; ignore_errors=no ; start_time=[n/a] ; pid=0 }
Environment=[unprintable] KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml [unprintable]
EnvironmentFiles=/var/lib/kubelet/kubeadm-flags.env (ignore_errors=yes)
EnvironmentFiles=/etc/sysconfig/kubelet (ignore_errors=yes)
NeedDaemonReload=no
""".replace("\\\n", "")


def test_values_that_systemd_does_not_show_are_asked_of_the_one_that_runs():
    service = read_service(OF_RED_HAT_8)
    assert not says_all(service)
    assert says_all(read_service(OF_RED_HAT_8.replace("[unprintable]", "A=b")))
    running = ("/usr/bin/kubelet", "--config=/var/lib/kubelet/config.yaml", f"--{PAUSE}=x", "--node-ip=192.0.2.7")
    assert read_kubelet(service, {}, running).flags == ("config", "node-ip", PAUSE)


def test_a_configuration_that_cannot_be_read_is_no_setting_at_all():
    """It is an error that names the file, not silence."""
    with pytest.raises(UnreadableOutput, match=r"/var/lib/kubelet/config\.yaml cannot be read"):
        read_kubelet(UNIT, {KUBELET_CONFIG: "a: [\n"})


@pytest.mark.parametrize(
    ("on_node", "of_cluster", "settings"),
    [
        pytest.param("failSwapOn: false", "{}", Settings(lost_configuration=("failSwapOn",)), id="only on the node"),
        pytest.param("{}", "failSwapOn: false", Settings(runs_with_swap=True), id="only in the ConfigMap: it comes"),
        pytest.param("failSwapOn: false", "failSwapOn: false", Settings(runs_with_swap=True), id="in both"),
        pytest.param("failSwapOn: false", None, Settings(runs_with_swap=True), id="a cluster without the ConfigMap"),
        pytest.param("failCgroupV1: false", "failCgroupV1: false", Settings(runs_on_cgroup_v1=True), id="cgroup v1"),
        pytest.param("{}", "featureGates: {A: true}", Settings(feature_gates=("A",)), id="a gate that comes"),
        pytest.param(
            "featureGates: {A: true}", "{}", Settings(lost_configuration=("featureGates",)), id="a gate that goes"
        ),
        pytest.param(
            "{resolvConf: /run/systemd/resolve/resolv.conf, containerRuntimeEndpoint: unix:///x, maxPods: 9}",
            "maxPods: 9",
            NO_SETTINGS,
            id="what kubeadm sets for each node",
        ),
        pytest.param(
            "{logging: {}, syncFrequency: 0s, authentication: {x509: {clientCAFile: /x}}}",
            "{logging: {flushFrequency: 0}, authentication: {x509: {clientCAFile: /x}, anonymous: {enabled: false}}}",
            NO_SETTINGS,
            id="written by kubeadm of another release",
        ),
        pytest.param(
            "authentication: {anonymous: {enabled: true}}",
            "authentication: {anonymous: {enabled: false}}",
            Settings(lost_configuration=("authentication",)),
            id="deeper down",
        ),
    ],
)
def test_the_next_start_sees_the_configuration_of_the_cluster(on_node, of_cluster, settings):
    """kubeadm upgrade node writes it over the node's own: golden/kubeadm-upgrade-node-w1.txt."""
    assert read_kubelet(UNIT, {KUBELET_CONFIG: on_node}, (), of_cluster) == settings


@pytest.mark.parametrize(
    ("flags", "files", "elsewhere", "settings"),
    [
        pytest.param(
            "--config=/etc/kubelet.yaml",
            {"/etc/kubelet.yaml": "failSwapOn: false", KUBELET_CONFIG: "featureGates: {A: true}"},
            ("/etc/kubelet.yaml",),
            extra("config", runs_with_swap=True),
            id="a file elsewhere, which kubeadm does not write",
        ),
        pytest.param(
            "--config-dir=/etc/kubelet.d/",
            {"/etc/kubelet.d/9.conf": "failSwapOn: false", "/etc/kubelet.d/1.conf": "failSwapOn: true"},
            ("/etc/kubelet.d",),
            extra("config-dir", runs_with_swap=True, feature_gates=("Cluster",)),
            id="a directory over it, in its order",
        ),
        pytest.param(
            "--config-dir /etc/kubelet.d",
            {"/etc/kubelet.d/1.conf": "featureGates: {B: true}", "/etc/kubelet.d/old.yaml": "featureGates: {C: true}"},
            ("/etc/kubelet.d",),
            extra("config-dir", feature_gates=("B", "Cluster")),
            id="gates there add up; only .conf counts",
        ),
        pytest.param(
            f"--config={KUBELET_CONFIG}", {}, (), extra("config", feature_gates=("Cluster",)), id="as kubeadm"
        ),
    ],
)
def test_a_configuration_elsewhere(flags, files, elsewhere, settings):
    """It is looked for where the command line says, and kubeadm leaves it as it is."""
    files = {DEFAULTS: f"KUBELET_EXTRA_ARGS={flags!r}", **files}
    assert places(UNIT, files).elsewhere == elsewhere
    assert read_kubelet(UNIT, files, (), "featureGates: {Cluster: true}") == settings


def test_a_configuration_of_the_cluster_that_cannot_be_read():
    with pytest.raises(UnreadableOutput, match="ConfigMap kube-system/kubelet-config cannot be read"):
        read_kubelet(UNIT, {}, (), "a: [\n")


def test_unit_files_that_systemd_has_not_read_yet_are_told_of():
    assert read_kubelet(Service(("/usr/bin/kubelet",), outdated=True), {}) == Settings(unit_outdated=True)


SPELLINGS = st.sampled_from(("{}", '"{}"', "'{}'", "\\\n {}"))
FLAGS = st.dictionaries(
    st.from_regex(r"[a-z]{2,9}(-[a-z]{1,9})?", fullmatch=True), st.from_regex(r"[A-Za-z0-9.:/=-]+", fullmatch=True)
)


@given(FLAGS, SPELLINGS, st.sampled_from(("=", " ")), st.sampled_from(("", "; don't\n", "# it's \n\n")))
def test_flags_are_found_in_whatever_way_they_are_written(flags, spelling, between, comment):
    """Quoted or not, on one line or two, below a comment with a single quote in it."""
    written = " ".join(f"--{name}{between}x{value}" for name, value in flags.items())
    text = f"{comment}KUBELET_EXTRA_ARGS={spelling.format(written)}\n"
    assert read_kubelet(UNIT, {DEFAULTS: text}).flags == tuple(sorted(flags))
