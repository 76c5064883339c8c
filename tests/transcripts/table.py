"""Every look of the product, and every tool whose words people read in a log: what holds of it, whoever answers.

A row is compared with golden where something was recorded; else the lab is compared with real hosts. Nobody recorded a
host with dnf and the lab has none, so rows of dnf alone hold on real hosts only. A new look is two lines: its name and
itself, and what must hold of what it reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kubeadm_upgrade import etcd, machine, queries, units
from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.facts import COMPANIONS, PACKAGES, HostFacts, OsRelease, UpgradePlan
from kubeadm_upgrade.kubelet_settings import KUBEADM_FLAGS, read_kubelet, says_all
from kubeadm_upgrade.local_etcd import LocalEtcd
from kubeadm_upgrade.packages import apt, dnf, locks
from kubeadm_upgrade.packages.port import MANAGERS
from kubeadm_upgrade.query import Query, query
from kubeadm_upgrade.systemd_service import Service
from transcripts.row import Differs, Kind, Must, Place, Recording, Row, Source, When
from transcripts.shape import of_anything, of_assignments, of_files, of_json, of_names, of_numbers, of_unit_files

LOCAL_ETCD = LocalEtcd()  # kubeadm's own places
NO_HOST = HostFacts(OsRelease("none"), {})  # where a look is not about any host of its own
APT = (Kind.APT,)
DNF = (Kind.DNF,)
WORKERS = (Kind.APT, Kind.DNF)
FIRST = (Kind.CONTROL_PLANE,)
EVERYWHERE = (Kind.APT, Kind.DNF, Kind.CONTROL_PLANE)
NEWER = (Kind.NEWER,)

DEB = re.compile(r"\d+\.\d+\.\d+-\d+\.\d+")
RPM = re.compile(r"\d+\.\d+\.\d+-\d+(\.\d+)+")
TAG = re.compile(r"v\d+\.\d+\.\d+")


def one(looks: Iterable[Query[Any]], word: str) -> Query[Any]:
    """The one with this word in its argv: looks come and go."""
    (found,) = (look for look in looks if word in look.run.argv)
    return found


def are_versions(pattern: re.Pattern[str], names: Iterable[str], found: Mapping[str, str]) -> bool:
    return set(names) <= found.keys() and all(map(pattern.fullmatch, found.values()))


def are_offers(pattern: re.Pattern[str], found: Mapping[str, tuple[str, ...]]) -> bool:
    return bool(found) and all(versions and all(map(pattern.fullmatch, versions)) for versions in found.values())


def part_of_named_unit(heading: str) -> Callable[[str], str]:
    """golden/systemd-run-named-unit.txt is a session: what was printed below the command that the heading ends."""

    def part(text: str) -> str:
        below = text.split(heading, 1)[1].split("\n", 1)[1]
        return re.split(r"^[$#] ", below, maxsplit=1, flags=re.MULTILINE)[0]

    return part


def lines_with(pattern: str) -> Callable[[str], str]:
    """Of a recording that holds the output of other commands too."""
    return lambda text: "".join(line for line in text.splitlines(keepends=True) if re.match(pattern, line))


def shown(name: str) -> Query[units.Unit]:
    """As the port to a node looks at a unit."""
    return query(*units.show(name), read=units.read)


def tries_of(name: str) -> Query[str | None]:
    return query(*units.tries(name), read=units.read_tries)


def whole_journal(name: str) -> Query[str]:
    return query(*units.journal(name, lines=1000), read=str.rstrip, root=True)


def said(run: Run, **options: Any) -> Query[str]:
    """Of a command that nobody parses: what it prints."""
    return Query(run, str.rstrip, **options)


def unit_of(step: str) -> Callable[[Place], tuple[str]]:
    return lambda place: (f"{step}-{place.hop.to.tag}",)


def backup_of(place: Place) -> tuple[str]:
    return (f"{place.hop.came_from.tag}-to-{place.hop.to.tag}.1",)


def urls(package_format: str) -> Callable[[Place], tuple[HostFacts, tuple[str, ...]]]:
    return lambda place: (NO_HOST, (place.hop.source(package_format).repository.url,))


def started(name: str, *argv: str) -> Run:
    return Run(argv, unit=name)


# What golden's unit was asked for, and what we ask for, differ.
ASKED_ELSE = (
    Differs(Source.GOLDEN, "LoadState=.*", "golden's was not asked for it"),
    Differs(Source.GOLDEN, "ExecMainCode=.*", "golden's was asked for it too"),
)
OF_SYSTEMD = Differs(Source.GOLDEN, "Started <unit> - <command>.", "systemd's own line: golden's was no unit")
AFTER_STAGING = (
    OF_SYSTEMD,
    Differs(Source.GOLDEN, "The following held packages will be changed:|<packages>", "golden's had been unheld"),
    Differs(Source.GOLDEN, "Get:.*|Fetched .*|Need to get .*", "golden's had not been staged"),
    Differs(Source.GOLDEN, "debconf: .*", "a journal has standard error as well"),
)


TRIED = "transcript-tried"


def state(unit: units.Unit) -> list[str]:
    """Which of our states a unit is in that systemd knows; golden's were not asked whether it does."""
    known = replace(unit, load="loaded")
    return [name for name in ("running", "succeeded", "failed") if getattr(known, name)]


def one_offer(plan: UpgradePlan) -> bool:
    return len(plan.offers) == 1 and TAG.fullmatch(plan.offers[0]) is not None and not plan.manual


def nothing(plan: UpgradePlan) -> bool:
    return plan == UpgradePlan(())


# Hooks put these looks together by themselves.
INLINE = {"units.show": shown, "units.journal": whole_journal, "units.tries": tries_of}

ROWS = (
    # the system
    Row(
        "os-release",
        queries.OS_RELEASE,
        Must(
            "a system whose packages we can change, with a name", lambda os: os.package_format in MANAGERS and os.name
        ),
        EVERYWHERE,
        golden=Recording(
            "os-release.txt",
            part=lines_with(r"[A-Z_]+="),
            reads=OsRelease("debian", version="12", name="Debian GNU/Linux 12 (bookworm)"),
        ),
        shape=of_assignments,
    ),
    Row("silence", queries.QUIET, Must("true prints nothing", lambda silent: silent is True), EVERYWHERE),
    Row("sudo", queries.ROOT, Must("sudo asks for no password", lambda may: may is True), EVERYWHERE),
    Row(
        "small files of the machine",
        machine.questions,
        Must(
            "an id and a name, and nothing that we write to is read-only",
            lambda read: read["id"] and read["hostname"] and not read["read_only"],
        ),
        EVERYWHERE,
        shape=of_files,
        given=lambda place: (LOCAL_ETCD,),
    ),
    Row(
        "ps of the kubelet",
        machine.KUBELET_ARGS,
        Must("its command line", lambda read: read["kubelet_args"][0].endswith("kubelet")),
        EVERYWHERE,
        shape=of_anything,
    ),
    Row(
        "df",
        machine.questions,
        Must("room in bytes", lambda read: read["room"] and all(one.free > 2**20 for one in read["room"].values())),
        EVERYWHERE,
        given=lambda place: (LOCAL_ETCD,),
        which=2,
    ),
    Row(
        "stat of etcd's file",
        machine.questions,
        Must("bytes", lambda read: read["etcd_size"] > 0),
        FIRST,
        given=lambda place: (LOCAL_ETCD,),
        which=3,
    ),
    Row(
        "stat of etcd's file, on a worker",
        machine.questions,
        Must("no etcd", lambda read: read["etcd_size"] == 0),
        WORKERS,
        given=lambda place: (LOCAL_ETCD,),
        which=3,
    ),
    Row(
        "stat of where cgroups are mounted",
        machine.CGROUP,
        Must("one of both", lambda read: read["cgroup"] in ("v1", "v2")),
        EVERYWHERE,
        shape=of_anything,
    ),
    Row(
        "date",
        machine.CLOCK,
        Must("about now", lambda read: abs(read - datetime.now(UTC).timestamp()) < 600),
        EVERYWHERE,
    ),
    Row(
        "ps of a process",
        locks.name_of,
        Must("its command line", lambda name: name.strip() == name != ""),
        EVERYWHERE,
        given=lambda place: (place.kubelet_pid,),
        shape=of_anything,
    ),
    Row(
        "ps of a process that has ended",
        locks.name_of,
        Must("nothing", lambda name: name == ""),
        EVERYWHERE,
        given=lambda place: (4194303,),  # the largest pid of a 64-bit kernel
    ),
    # apt
    Row(
        "dpkg-query",
        one(apt.QUERIES, "dpkg-query"),
        Must(
            "each of ours has a package version, and none is half installed",
            lambda read: are_versions(DEB, PACKAGES, read["packages"]) and not read["half_installed"],
        ),
        APT,
        golden=Recording(
            "dpkg-query-1.22.txt",
            reads={"packages": dict.fromkeys(PACKAGES, "1.22.17-1.1"), "half_installed": frozenset()},
        ),
        differs=(Differs(Source.GOLDEN, "<package> <version> ii ", "golden's was not asked for what comes with ours"),),
    ),
    Row(
        "dpkg-query, of whom the kubelet is",
        apt.owners,
        Must("of its package", lambda read: read == ("kubelet",)),
        APT,
        given=lambda place: ("/usr/bin/kubelet",),
    ),
    Row(
        "dpkg-query, of whom a file of nobody's is",
        apt.owners,
        Must("of none", lambda read: read == ()),
        APT,
        given=lambda place: ("/usr/local/bin/kubelet",),
    ),
    Row(
        "rpm, of whom the kubelet is",
        dnf.owners,
        Must("of its package", lambda read: read == ("kubelet",)),
        DNF,
        given=lambda place: ("/usr/bin/kubelet",),
    ),
    Row(
        "rpm, of whom a file of nobody's is",
        dnf.owners,
        Must("of none", lambda read: read == ()),
        DNF,
        given=lambda place: ("/proc/version",),
    ),
    Row(
        "apt-mark showhold",
        one(apt.QUERIES, "showhold"),
        Must("ours are held", lambda read: read["held"] >= set(PACKAGES)),
        APT,
        golden=Recording("apt-mark-showhold.txt", reads={"held": frozenset(PACKAGES)}),
    ),
    Row(
        "apt-cache madison",
        one(apt.QUERIES, "madison"),
        Must("every version is a package version", lambda read: are_offers(DEB, read["offered"])),
        APT,
        golden=Recording("apt-cache-madison.txt", reads={"offered": {"kubeadm": ("1.23.17-1.1", "1.23.9-1.1")}}),
    ),
    Row(
        "repository files of apt",
        one(apt.QUERIES, apt.SOURCES),
        Must(
            "one of them is the Kubernetes repository",
            lambda read: len(apt.kubernetes_sources(read["sources"])) == 1,
        ),
        APT,
        shape=of_files,
    ),
    Row(
        "keyrings of apt",
        one(apt.QUERIES, "/etc/apt/keyrings"),
        Must("ours is there", lambda read: apt.KEYRING in read["keyrings"]),
        APT,
        when=When.STAGED,
        shape=of_names,
    ),
    Row(
        "packages staged by apt",
        one(apt.QUERIES, apt.ARCHIVES),
        Must("archives of ours", lambda read: {name.split("_")[0] for name in read["staged"]} >= set(PACKAGES)),
        APT,
        when=When.STAGED,
    ),
    Row(
        "what a repository offers, by apt",
        apt.published,
        Must("every version is a package version", lambda read: all(are_offers(DEB, one) for one in read.values())),
        APT,
        given=urls("deb"),
        before=lambda place: apt.before_published(*urls("deb")(place)),
        golden=Recording(
            "apt-cache-madison.txt",
            reads={"http://172.31.0.1:8099/core:/stable:/v1.23/deb/": {"kubeadm": ("1.23.17-1.1", "1.23.9-1.1")}},
        ),
    ),
    Row(
        "apt-get update",
        lambda: said(apt.update(apt.DEFAULT_SOURCE)),
        Must("it read the lists", lambda text: text.endswith("Reading package lists...")),
        APT,
        golden=Recording("apt-get-update.txt"),
        differs=(
            Differs(Source.GOLDEN, "Get:<n> <host>/debian .*", "golden's read every repository"),
            Differs(Source.LAB, ".*  Packages .*", "its apt-get reads the index without saying so"),
            Differs(Source.REAL, "(Get|Hit|Fetched).*", "nothing is new to a host that has just been set up"),
        ),
    ),
    Row(
        "apt-mark hold",
        lambda: said(next(apt.hold(NO_HOST, {"kubeadm": ""}))),
        Must("it says what it did", lambda text: text == "kubeadm set on hold."),
        APT,
        before=(Run(("apt-mark", "unhold", "kubeadm")),),
        golden=Recording("apt-mark-hold.txt"),
    ),
    Row(
        "journal of apt-get install, kubeadm",
        whole_journal,
        Must("it was set up", lambda text: "Setting up kubeadm (" in text),
        FIRST,
        given=unit_of("upgrade-kubeadm"),
        when=When.KUBEADM_NEW,
        golden=Recording("apt-get-install-kubeadm.txt"),
        differs=AFTER_STAGING,
    ),
    Row(
        "journal of apt-get install, kubelet and kubectl",
        whole_journal,
        Must("both were set up", lambda text: {"kubelet", "kubectl"} <= set(re.findall(r"Setting up (\S+) \(", text))),
        APT,
        given=unit_of("upgrade-kubelet-and-kubectl"),
        when=When.UPGRADED,
        golden=Recording("apt-get-install-kubelet-kubectl.txt"),
        differs=(
            *AFTER_STAGING,
            Differs(Source.REAL, "Installing new version of config file .*", "our packages of 1.29 change one"),
        ),
    ),
    # dnf: real hosts only
    Row(
        "rpm -q",
        one(dnf.QUERIES, "rpm"),
        Must("each of ours has a package version", lambda read: are_versions(RPM, PACKAGES, read["packages"])),
        DNF,
    ),
    Row(
        "repository files of dnf",
        one(dnf.QUERIES, dnf.SOURCES),
        Must(
            "one of them is the Kubernetes repository, and it excludes ours",
            lambda read: len(dnf.kubernetes_sources(read["sources"])) == 1 and read["held"] >= {*PACKAGES, *COMPANIONS},
        ),
        DNF,
        shape=of_files,
    ),
    Row(
        "dnf repoquery",
        one(dnf.QUERIES, "repoquery"),
        Must("every version is a package version", lambda read: are_offers(RPM, read["offered"])),
        DNF,
    ),
    Row(
        "packages staged by dnf",
        one(dnf.QUERIES, dnf.CACHE),
        Must("files of ours", lambda read: {name.split("-")[0] for name in read["staged"]} == set(PACKAGES)),
        DNF,
        when=When.STAGED,
    ),
    Row(
        "the repository's index, by dnf",
        dnf.published,
        Must("every version is a package version", lambda read: all(are_offers(RPM, one) for one in read.values())),
        DNF,
        given=urls("rpm"),
    ),
    Row("dnf needs-restarting", dnf.REBOOT, Must("a yes or a no", lambda wanted: wanted in (True, False)), DNF),
    Row(
        "journal of dnf install",
        whole_journal,
        Must("it was completed", lambda text: "Complete!" in text),
        DNF,
        given=unit_of("upgrade-kubelet-and-kubectl"),
        when=When.UPGRADED,
    ),
    # systemd
    Row(
        "systemctl show kubelet",
        queries.KUBELET,
        Must("it runs, since some moment", lambda kubelet: kubelet.pid > 1 and kubelet.started < datetime.now(UTC)),
        EVERYWHERE,
        golden=Recording(
            "systemctl-show-kubelet.txt",
            reads=queries.KubeletProcess(datetime(2026, 11, 23, 3, 50, 7, tzinfo=UTC), pid=654, needs_reload=False),
        ),
        differs=(
            Differs(Source.GOLDEN, "(NRestarts|ActiveState|SubState)=.*", "golden's was asked for it too"),
            Differs(Source.GOLDEN, "NeedDaemonReload=.*", "golden's was not asked for it"),
        ),
    ),
    Row(
        "systemctl show kubelet, of its unit files",
        queries.KUBELET_SERVICE,
        Must(
            "with its environment files they say all that the kubelet is started with",
            lambda service: says_all(service) and KUBEADM_FLAGS in service.environment_files,
        ),
        EVERYWHERE,
        golden=Recording("systemctl-show-kubelet-service.txt"),
        shape=of_unit_files,
        differs=(
            Differs(Source.GOLDEN, "Environment=.*", "golden's has a drop-in of its own"),
            Differs(Source.REAL, "EnvironmentFiles=/etc/(default|sysconfig)/kubelet .*", "Red Hat's file is another"),
        ),
    ),
    Row(
        "the running kubelet's binary",
        queries.running_binary,
        Must("the package's, and not replaced", lambda read: read == queries.RunningBinary("/usr/bin/kubelet", False)),
        EVERYWHERE,
        given=lambda place: (place.kubelet_pid,),
        shape=of_anything,
    ),
    Row(
        "a unit that nobody knows",
        shown,
        Must("not remembered", lambda unit: not unit.remembered and not unit.failed),
        EVERYWHERE,
        given=lambda place: ("transcript-unknown",),
        golden=Recording("systemd-run-named-unit.txt", part=part_of_named_unit("-p ActiveState,LoadState")),
        differs=(Differs(Source.GOLDEN, "(SubState|Result|ExecMainStatus)=.*", "golden's was not asked for it"),),
    ),
    Row(
        "a unit that runs",
        shown,
        Must("running", lambda unit: state(unit) == ["running"]),
        EVERYWHERE,
        given=lambda place: ("transcript-runs",),
        before=(started("transcript-runs", "sleep", "60"),),
        golden=Recording("systemd-run-named-unit.txt", part=part_of_named_unit("(while it runs)")),
        differs=ASKED_ELSE,
    ),
    Row(
        "a unit that failed",
        shown,
        Must("failed, with a status", lambda unit: state(unit) == ["failed"] and unit.exit_status),
        EVERYWHERE,
        given=lambda place: ("transcript-failed",),
        before=(started("transcript-failed", "false"), Run(("sleep", "0.5"), root=False)),
        golden=Recording("systemd-run-named-unit.txt", part=part_of_named_unit("(after it failed)")),
        differs=ASKED_ELSE,
    ),
    Row(
        "a unit that succeeded",
        shown,
        Must("succeeded", lambda unit: state(unit) == ["succeeded"]),
        EVERYWHERE,
        given=lambda place: ("transcript-succeeded",),
        before=(started("transcript-succeeded", "true"), Run(("sleep", "0.5"), root=False)),
        golden=Recording(
            "systemd-run-named-unit.txt", part=part_of_named_unit("show kubeadm-fleet-ok -p ActiveState,SubState")
        ),
        differs=ASKED_ELSE[:1],
    ),
    Row(
        "tries of a unit that nobody knows",
        tries_of,
        Must("none", lambda newest: newest is None),
        EVERYWHERE,
        given=lambda place: ("transcript-unknown",),
    ),
    Row(
        "tries of a unit",
        tries_of,
        Must("the second, and not that of the unit with the longer name", lambda newest: newest == f"{TRIED}.try-2"),
        EVERYWHERE,
        given=lambda place: (TRIED,),
        before=(*(started(name, "true") for name in (TRIED, f"{TRIED}.try-2", f"{TRIED}0.try-3")),),
        shape=of_anything,
    ),
    Row(
        "age of the kubelet",
        queries.KUBELET_AGE,
        Must("some seconds", lambda age: age is not None and age.total_seconds() >= 0),
        EVERYWHERE,
        shape=of_numbers,
    ),
    Row(
        "journal of the kubelet",
        queries.KUBELET_JOURNAL,
        Must("what it says last, and short", lambda text: isinstance(text, str) and len(text.split("; ")) <= 20),
        EVERYWHERE,
        shape=of_anything,
    ),
    Row(
        "kubeadm at work, nobody",
        queries.AT_WORK,
        Must("nobody", lambda lines: lines == ()),
        EVERYWHERE,
    ),
    Row(
        "the journal of a unit that failed",
        whole_journal,
        Must("systemd says how it ended", lambda text: text.endswith("Failed with result 'exit-code'.")),
        EVERYWHERE,
        given=lambda place: ("transcript-failed",),
        golden=Recording("systemd-run-named-unit.txt", part=part_of_named_unit("--no-pager -o cat")),
        differs=(Differs(Source.GOLDEN, "hello", "what its command said"),),
    ),
    # kubeadm and its files
    Row(
        "the kubelet's files",
        queries.KUBELET_SETTINGS,
        Must("kubeadm's flags are among them", lambda files: read_kubelet(Service(), files).kubeadm_flags),
        EVERYWHERE,
        shape=of_files,
    ),
    Row(
        "a kubelet's configuration elsewhere",
        queries.kubelet_configuration,
        Must("its text", lambda files: list(files) == ["/etc/os-release"] and "ID=" in files["/etc/os-release"]),
        EVERYWHERE,
        given=lambda place: (("/etc/os-release",),),
        shape=of_anything,
    ),
    Row(
        "images of the runtime",
        queries.IMAGES,
        Must("kube-proxy's is among them, by name and tag", lambda read: any("/kube-proxy:v1." in one for one in read)),
        EVERYWHERE,
        golden=Recording(
            "crictl-images.json",
            reads=frozenset(
                {
                    "registry.k8s.io/kube-proxy:v1.28.15",
                    "registry.k8s.io/pause:3.9",
                    "mirror.example/k8s/pause:3.9",
                }
            ),
        ),
        shape=of_anything,
    ),
    Row(
        "kubeadm upgrade plan, of the old kubeadm",
        queries.upgrade_plan,
        Must("it offers nothing", nothing),
        FIRST,
        given=lambda place: (place.hop.came_from,),
        golden=Recording("kubeadm-upgrade-plan-by-1.22-kubeadm.txt"),
    ),
    Row(
        "kubeadm upgrade plan",
        queries.upgrade_plan,
        Must("one offer, nothing by hand", one_offer),
        FIRST,
        given=lambda place: (place.hop.to,),
        when=When.KUBEADM_NEW,
        golden=Recording("kubeadm-upgrade-plan-target.txt", reads=UpgradePlan(("v1.23.17",))),
    ),
    Row(
        "kubeadm upgrade plan, as JSON",
        queries.upgrade_plan,
        Must("one offer, nothing by hand", one_offer),
        NEWER,
        given=lambda place: (place.hop.to,),
        when=When.KUBEADM_NEW,
        golden=Recording("kubeadm-upgrade-plan-1.33-to-1.34-json.txt", reads=UpgradePlan(("v1.34.9",))),
    ),
    Row(
        "kubeadm upgrade plan, as text of today",
        lambda to: Query(Run(("kubeadm", "upgrade", "plan", to.tag)), queries.read_upgrade_plan),
        Must("one offer, nothing by hand", one_offer),
        NEWER,
        given=lambda place: (place.hop.to,),
        when=When.KUBEADM_NEW,
        golden=Recording("kubeadm-upgrade-plan-1.33-to-1.34.txt", reads=UpgradePlan(("v1.34.9",))),
        differs=(
            Differs(Source.GOLDEN, r"\t\[WARNING CreateJob\].*", "no kubelet ran there"),
            Differs(Source.GOLDEN, "W<time and process> .*", "no version was named, and standard error is in the file"),
            Differs(Source.GOLDEN, "", "the file ends before the last empty line"),
        ),
    ),
    Row(
        "kubeadm upgrade plan, nothing to upgrade",
        queries.upgrade_plan,
        Must("it offers nothing", nothing),
        FIRST,
        given=lambda place: (place.hop.to,),
        when=When.UPGRADED,
        golden=Recording("kubeadm-upgrade-plan-up-to-date.txt"),
    ),
    Row(
        "journal of kubeadm upgrade apply",
        whole_journal,
        Must("SUCCESS", lambda text: re.search(r'SUCCESS! Your cluster was upgraded to "v[\d.]+"', text)),
        FIRST,
        given=unit_of("kubeadm-upgrade"),
        when=When.UPGRADED,
        golden=Recording("kubeadm-upgrade-apply.txt"),
        differs=(
            OF_SYSTEMD,
            Differs(Source.GOLDEN, r"\[upgrade/postupgrade\] Applying label .*", "kubeadm of 1.23 did"),
            Differs(Source.GOLDEN, r"\[kubelet\] Creating a ConfigMap .*", "its name had the minor release until 1.23"),
            Differs(Source.GOLDEN, "", "journald keeps no empty lines"),
        ),
    ),
    Row(
        "journal of kubeadm upgrade node",
        whole_journal,
        Must("it was updated", lambda text: "The configuration for this node was successfully updated!" in text),
        WORKERS,
        given=unit_of("kubeadm-upgrade"),
        when=When.UPGRADED,
        golden=Recording("kubeadm-upgrade-node-w1.txt"),
        differs=(OF_SYSTEMD,),
    ),
    # backups
    Row(
        "etcdctl snapshot save",
        lambda node: said(Run(etcd.in_pod(node, *LOCAL_ETCD.ctl, "snapshot", "save", LOCAL_ETCD.snapshot))),
        Must("it says where", lambda text: re.fullmatch(r"Snapshot saved at /var/lib/etcd/\S+", text)),
        FIRST,
        given=lambda place: (place.node,),
        golden=Recording("kubectl-exec-etcdctl.txt"),
    ),
    Row(
        "etcdutl snapshot status",
        lambda node: said(Run(etcd.in_pod(node, "etcdutl", "snapshot", "status", LOCAL_ETCD.snapshot, "-w", "json"))),
        Must("a hash and a revision", lambda text: {"hash", "revision"} <= set(re.findall(r'"(\w+)":\d', text))),
        FIRST,
        given=lambda place: (place.node,),
        golden=Recording("etcdutl-snapshot-status.json"),
    ),
    Row(
        "runs that left a backup, none yet",
        queries.BACKUP_RUNS,
        Must("none", lambda runs: runs == {}),
        FIRST,
    ),
    Row(
        "runs that left a backup",
        queries.BACKUP_RUNS,
        Must("one file, one line", lambda runs: len(runs) == 1 and all(run.strip() for run in runs.values())),
        FIRST,
        when=When.STAGED,
        shape=of_files,
    ),
    Row(
        "sha256sum of a backup",
        queries.backup_sums,
        Must("two digests", lambda sums: [len(one) for one in sums.values()] == [64, 64]),
        FIRST,
        given=backup_of,
        when=When.STAGED,
    ),
    Row(
        "sha256sum of a backup that is not there",
        queries.backup_sums,
        Must("nothing", lambda sums: sums == {}),
        FIRST,
        given=lambda place: ("v1.0.0-to-v1.0.1.1",),
    ),
    Row(
        "stat of a backup",
        queries.backup_files,
        Must(
            "three sizes, of just now",
            lambda stats: (
                len(stats) == 3
                and all(size > 0 and abs(when - datetime.now(UTC).timestamp()) < 3600 for size, when in stats.values())
            ),
        ),
        FIRST,
        given=backup_of,
        when=When.STAGED,
    ),
    Row(
        "stat of a backup that is not there",
        queries.backup_files,
        Must("nothing", lambda stats: stats == {}),
        FIRST,
        given=lambda place: ("v1.0.0-to-v1.0.1.1",),
    ),
    Row(
        "stat of a loose snapshot",
        queries.loose_snapshot,
        Must(
            "its size and time",
            lambda stats: list(stats) == [LOCAL_ETCD.snapshot] and min(stats[LOCAL_ETCD.snapshot]) > 0,
        ),
        FIRST,
        before=(Run(("dd", f"of={LOCAL_ETCD.snapshot}", "status=none"), stdin="half of one"),),
        given=lambda place: (LOCAL_ETCD,),
    ),
    Row(
        "stat of a loose snapshot, none",
        queries.loose_snapshot,
        Must("none", lambda stats: stats == {}),
        FIRST,
        when=When.STAGED,
        given=lambda place: (LOCAL_ETCD,),
    ),
    # etcd
    Row(
        "etcdctl member list",
        etcd.questions,
        Must(
            "each has an id, a name and a URL, and is no learner",
            lambda said: (
                said["members"]
                and all(one["ID"] and one["name"] and one["clientURLs"] for one in said["members"])
                and not any(one.get("isLearner") for one in said["members"])
            ),
        ),
        FIRST,
        given=lambda place: (place.node, LOCAL_ETCD),
        shape=of_json,
        golden=Recording("etcd-member-list.json"),
    ),
    Row(
        "etcdctl endpoint health",
        etcd.questions,
        Must("each is healthy", lambda said: said and all(one["endpoint"] and one["health"] for one in said)),
        FIRST,
        given=lambda place: (place.node, LOCAL_ETCD),
        shape=of_json,
        which=1,
    ),
    Row(
        "etcdctl endpoint status",
        etcd.questions,
        Must("each knows who leads", lambda said: said and all(one["Status"]["leader"] for one in said)),
        FIRST,
        given=lambda place: (place.node, LOCAL_ETCD),
        shape=of_json,
        which=2,
        golden=Recording("etcd-status.json"),
    ),
    Row(
        "etcdctl alarm list",
        etcd.questions,
        Must("none", lambda said: not said.get("alarms")),
        FIRST,
        given=lambda place: (place.node, LOCAL_ETCD),
        shape=of_json,
        which=3,
    ),
)
