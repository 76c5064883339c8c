"""From nothing with one command, and a cluster is upgraded though every component dies once meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compose import images
from compose.conftest import Fleet
from compose.site import Site
from harness.rest import wait_for
from harness.settings import REPOSITORY
from hosts.docker import DockerError, docker
from lab.ssh_server import USER

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
AIRFLOW = (*COMPONENTS, "cleaner")
HEALTH = {"scheduler": "scheduler", "triggerer": "triggerer", "dag-processor": "dag_processor"}


def connect(site: Site, cluster: str) -> None:
    """As the documentation has it, by one command for each connection."""
    kubeconfig = json.dumps({"kube_config_path": f"/opt/airflow/kubeconfigs/{cluster}"})
    key = json.dumps({"key_file": "/home/airflow/.ssh/id"})
    add = ("airflow", "connections", "add")
    site.cli(*add, f"{cluster}-kubernetes", "--conn-type", "kubernetes", "--conn-extra", kubeconfig)
    site.cli(*add, f"{cluster}-ssh", "--conn-type", "ssh", "--conn-login", USER, "--conn-extra", key)


def crash(site: Site, service: str) -> None:
    """The container dies, docker starts it again, and it says itself that it is well."""
    died = time.time()
    before = site.restarts(service)
    site.crash(service)
    wait_for(lambda: site.restarts(service) > before, f"{service} to be started again", 30)
    if service in HEALTH:
        wait_for(lambda: _well(site, service, died), f"{service} to be well", 240, lambda: site.told(service))
    else:
        wait_for(lambda: set(site.health(service)) == {"healthy"}, f"{service}", 240, lambda: site.told(service))


def _well(site: Site, service: str, since: float) -> bool:
    return site.api.is_healthy(HEALTH[service], since=since)


def test_one_command_brings_up_everything(fleet: Fleet) -> None:
    print(f"docker compose up --wait, the image's build included: {fleet.seconds:.0f} s")
    for service in COMPONENTS:
        assert fleet.site.health(service) == ["healthy"]
    assert fleet.site.api.import_errors() == []
    assert fleet.site.api.plugin_import_errors() == []


@pytest.mark.parametrize("service", AIRFLOW)
def test_nothing_of_airflow_runs_as_root(fleet: Fleet, service: str) -> None:
    (container,) = fleet.site.containers(service)
    processes = docker("top", container, "-eo", "pid,uid,gid,args").splitlines()[1:]
    assert {tuple(line.split()[1:3]) for line in processes} == {(fleet.site.setting("AIRFLOW_UID"), "0")}


def test_what_is_installed_is_what_is_pinned(fleet: Fleet) -> None:
    """Nothing came along by itself; pip and setuptools are the base's."""
    checkout = fleet.site.directory
    pins = "".join((checkout / f"{name}.txt").read_text() for name in ("constraints", "requirements-image"))
    expected = {line.lower().replace("_", "-") for line in pins.splitlines() if "==" in line}
    listed = fleet.site.compose("exec", "--no-TTY", "scheduler", "pip", "list", "--format", "freeze").splitlines()
    assert {line.lower().replace("_", "-") for line in listed} - expected <= {
        line.lower() for line in listed if line.startswith(("pip==", "setuptools=="))
    }


def test_passwords_are_with_the_api_server_and_nowhere_else(fleet: Fleet) -> None:
    password = json.loads(fleet.site.setting("PASSWORDS").strip("'"))["admin"]
    holders = set()
    for service in (*AIRFLOW, "postgres"):
        assert password not in docker("inspect", *fleet.site.containers(service))
        ask = f"grep -rslaF {password} /run /opt/airflow /home/airflow /tmp /proc/[0-9]*/environ || true"
        if fleet.site.compose("exec", "--no-TTY", service, "sh", "-c", ask).strip():
            holders.add(service)
    assert holders == {"api-server"}


def test_a_path_that_is_not_there_is_an_error_with_its_name_and_no_directory(fleet: Fleet, tmp_path) -> None:
    missing = tmp_path / "no-such-directory"
    with pytest.raises(DockerError, match=str(missing)):
        fleet.site.cli("true", SSH_DIRECTORY=str(missing))
    assert not missing.exists()


def test_the_documented_proxy_speaks_tls_and_hides_what_tasks_speak_to(fleet: Fleet, registry, tmp_path) -> None:
    """In the API server's own network, where 127.0.0.1:8080 is what the page says it is."""
    with nginx(fleet.site, tmp_path) as proxy:

        def ask(url: str) -> str:
            names = [f"airflow.example.com:{port}:127.0.0.1" for port in (443, 80)]
            resolve = [word for name in names for word in ("--resolve", name)]
            patience = ("--retry", "60", "--retry-delay", "1", "--retry-connrefused")
            told = ("--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}")
            return docker("exec", proxy, "curl", "--silent", "--insecure", *patience, *resolve, *told, url).strip()

        assert ask("https://airflow.example.com/api/v2/version") == "200"
        assert ask("http://airflow.example.com/x") == "301 https://airflow.example.com/x"
        assert ask("https://airflow.example.com/execution/health") == "404"
        # where Airflow itself sends people to: it must believe the proxy about the scheme
        assert ask("https://airflow.example.com/api/v2/auth/login") == "307 https://airflow.example.com/auth/login"


@contextmanager
def nginx(site: Site, directory: Path) -> Iterator[str]:
    name, certificate = "kubeadm-fleet-nginx", ("/etc/ssl/airflow/privkey.pem", "/etc/ssl/airflow/fullchain.pem")
    new = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    request = f"openssl req {new} -subj /CN=airflow.example.com -keyout {{}} -out {{}}"
    start = f"mkdir -p /etc/ssl/airflow && {request.format(*certificate)} && exec nginx -g 'daemon off;'"
    (server,) = site.containers("api-server")
    docker(
        "run",
        "--detach",
        "--name",
        name,
        "--network",
        f"container:{server}",
        *_conf(),
        images.build("nginx"),
        "sh",
        "-ec",
        start,
    )
    try:
        yield name
    finally:
        docker("rm", "--force", name)


def _conf() -> tuple[str, ...]:
    conf = REPOSITORY / "docs" / "compose-nginx.conf"
    return ("--volume", f"{conf}:/etc/nginx/sites-enabled/default:ro")


def test_a_clean_up_leaves_alone_what_is_under_way(fleet: Fleet) -> None:
    """An old run that has ended goes, rows and all; of one that is under way and older still nothing goes."""
    site = fleet.site

    def sql(statement: str) -> str:
        psql = ("psql", "--username", "airflow", "--tuples-only", "--no-align", "--command", statement)
        return site.compose("exec", "--no-TTY", "postgres", *psql).strip()

    dag = "kubeadm_upgrade.prod-2"
    site.api.wait_for_dag(dag)
    old, waiting = (site.api.trigger(dag, run_id=name) for name in ("old", "waiting"))  # it is paused: both wait
    # not through the API, by which the run would end with its teardown only
    sql(f"update dag_run set state = 'failed' where run_id = '{old}'")
    for run, years in ((old, 3), (waiting, 2)):
        moment = f"now() - interval '{years} years'"
        sql(f"update dag_run set start_date = {moment}, run_after = {moment} where run_id = '{run}'")
    site.cli("python", "/opt/airflow/docker/clean_database.py", "365")
    assert sql(f"select run_id from dag_run where dag_id = '{dag}'") == waiting
    sql(f"update dag_run set run_after = now() where run_id = '{waiting}'")
    site.cli("python", "/opt/airflow/docker/clean_database.py", "365")
    assert sql(f"select count(*) from dag_run where dag_id = '{dag}'") == "0"


def test_an_upgrade_comes_through_although_every_component_dies_once(fleet: Fleet) -> None:
    site, dag = fleet.site, "kubeadm_upgrade.prod-1"
    connect(site, "prod-1")
    assert "prod-1-kubernetes" in site.cli("airflow", "connections", "list", "--output", "plain")
    site.api.wait_for_dag(dag)
    site.api.unpause(dag)
    run = site.api.trigger(dag)
    for task, victim in (
        ("preflight", "dag-processor"),
        ("control_plane.kubeadm_upgrade", "api-server"),
        ("control_plane_kubelets.drain_node", "triggerer"),
        ("workers.drain_node", "postgres"),
        ("workers.upgrade_kubelet_and_kubectl", "scheduler"),
    ):
        reached(site, dag, run, task)
        crash(site, victim)
    assert site.api.wait_for_run(dag, run, patience=600) == "success", seen(site, dag, run)
    assert any("prod-1" in line.text for line in site.api.log(dag, run, "look"))
    assert "Done and verified" in site.compose("exec", "--no-TTY", "api-server", "sh", "-c", "cat reports/*/*.md")
    cluster = fleet.lab.clusters["prod-1"]
    assert cluster.violations == []
    assert {cluster.node_state(name).kubelet for name in cluster.nodes} == {"v1.29.15"}
    assert {cluster.node_state(name).schedulable for name in cluster.nodes} == {True}


def reached(site: Site, dag: str, run: str, step: str) -> None:
    """Wait until a task has begun, or the run has ended without it."""

    def begun() -> bool:
        tasks = site.api.task_instances(dag, run)
        assert site.api.run_state(dag, run) in ("queued", "running"), seen(site, dag, run)
        return any(task.task_id == step and task.started for task in tasks)

    wait_for(begun, f"{step} to begin", 300, lambda: seen(site, dag, run))


def seen(site: Site, dag: str, run: str) -> str:
    """The state of every task, and the end of what each failed one has logged in its last try."""
    tasks = site.api.task_instances(dag, run)
    told = [", ".join(f"{task} {task.state}" for task in tasks if task.state)]
    for task in tasks:
        if task.state == "failed":
            lines = site.api.log(dag, run, task.task_id, task.map_index, task.try_number)
            told += [f"--- {task}, try {task.try_number}", *(line.text for line in lines[-12:])]
    return "\n".join(told)
