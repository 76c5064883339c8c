"""What is read of the machine under a node."""

from __future__ import annotations

import pytest

from kubeadm_upgrade import machine
from kubeadm_upgrade.local_etcd import configured
from kubeadm_upgrade.machine import Room

FILES = """\
/etc/machine-id:7c5e0f1d7b3b4d0e8a6f
/proc/sys/kernel/hostname:w1.example.org
/proc/sys/kernel/random/boot_id:5c5d5c4e-6f0a-4a55-8f4e-0b5f6c1f2a3b
/proc/swaps:Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority
/proc/swaps:/dev/vdb                                partition\t1048572\t\t0\t\t-2
/proc/mounts:/dev/vda / ext4 rw,relatime 0 0
/proc/mounts:/dev/vda /usr ext4 rw,relatime 0 0
/proc/mounts:/dev/vdb /usr ext4 ro,relatime,errors=remount-ro 0 0
/proc/mounts:sysfs /sys sysfs ro,nosuid 0 0
/run/reboot-required:*** System restart required ***
"""
ROOM = """\
File                   Avail Mounted on
/usr            243497856212 /
/var/lib/kubelet      524288 /var/lib/my kubelet
"""


def test_small_files_are_read_in_one_look():
    """`errors=remount-ro` is a wish, `ro` is a fact; the later mount of one place is the one that is seen."""
    assert machine.read_files(FILES) == {
        "id": "7c5e0f1d7b3b4d0e8a6f",
        "hostname": "w1.example.org",
        "boot_id": "5c5d5c4e-6f0a-4a55-8f4e-0b5f6c1f2a3b",
        "swaps": ("/dev/vdb",),
        "wants_reboot": True,
        "image_based": False,
        "read_only": ("/usr",),
    }


@pytest.mark.parametrize(
    ("mounts", "read_only"),
    [
        pytest.param("/dev/vda / ext4 ro 0 0", ("/",), id="the root, and all below"),
        pytest.param("/dev/vda / ext4 ro 0 0\ntmpfs /var tmpfs rw 0 0", ("/",), id="but /var"),
        pytest.param(
            "/dev/vda / ext4 rw 0 0\n/dev/vdb /var/lib ext4 ro 0 0", ("/var/lib",), id="once, whatever is below"
        ),
        *(
            pytest.param(f"/dev/vda / ext4 rw 0 0\n/dev/vdb {path} ext4 ro 0 0", (path,), id=path)
            for path in (
                *("/etc/kubernetes", "/var/cache", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/containers"),
                *("/var/lib/docker", "/var/lib/etcd"),
            )
        ),
        pytest.param("/dev/vda / ext4 rw 0 0\ntmpfs /usr/share tmpfs ro 0 0", (), id="something below only"),
        pytest.param("/dev/vda / ext4 rw 0 0\ntmpfs /us tmpfs ro 0 0", (), id="a name that begins alike"),
        pytest.param("", (), id="nothing known"),
    ],
)
def test_the_nearest_mount_above_decides(mounts, read_only):
    text = "".join(f"/proc/mounts:{line}\n" for line in mounts.splitlines())
    assert machine.read_files(text)["read_only"] == read_only


def test_etcds_data_may_be_elsewhere():
    """Where its static Pod has it."""
    text = "/proc/mounts:/dev/vda / ext4 rw 0 0\n/proc/mounts:/dev/vdb /data ext4 ro 0 0\n"
    (files, *_) = machine.questions(configured("/data/etcd"))
    assert files.answer(text)["read_only"] == ("/data/etcd",)


@pytest.mark.parametrize(
    ("arguments", "image_based"),
    [
        pytest.param("BOOT_IMAGE=(hd0,gpt3)/boot/vmlinuz-5.14 root=UUID=1 ro quiet", False, id="packages"),
        pytest.param("BOOT_IMAGE=/ostree/vmlinuz root=UUID=1 rw ostree=/ostree/boot.1/default/ab/0", True, id="ostree"),
        pytest.param("root=UUID=1 composefs=ab12 rw", True, id="bootc without ostree"),
    ],
)
def test_an_operating_system_that_is_an_image_is_known_by_how_it_is_booted(arguments, image_based):
    assert machine.read_files(f"/proc/cmdline:{arguments}\n")["image_based"] is image_based


def test_room_is_read_by_path():
    """df names the file system that each path is on: what several paths need adds up there."""
    assert machine.read_room(ROOM) == {
        "room": {"/usr": Room("/", 243497856212), "/var/lib/kubelet": Room("/var/lib/my kubelet", 524288)}
    }


@pytest.mark.parametrize(
    ("text", "cgroup"),
    [
        pytest.param("63677270\n", "v2", id="cgroup2fs"),
        pytest.param("1021994\n", "v1", id="a tmpfs, with v1 or both below"),
        pytest.param("", "", id="no such directory"),
    ],
)
def test_which_cgroups_there_are_is_known_by_the_type_of_their_mount(text, cgroup):
    """As kubelet and kubeadm know it."""
    assert machine.read_cgroup(text) == cgroup


def test_a_size_that_df_does_not_know_is_not_taken_for_none():
    """`-` is what a file system does not tell: the other rows are read all the same."""
    text = ROOM + "/var/lib/etcd               - /data\n"
    assert machine.read_room(text)["room"]["/var/lib/etcd"] == Room("/data", None)
    assert machine.read_room(text)["room"]["/usr"] == Room("/", 243497856212)


@pytest.mark.parametrize(("text", "size"), [("1626112\n", 1626112), ("", 0)], ids=["a control plane node", "a worker"])
def test_the_size_of_etcds_database_is_read(text, size):
    assert machine.read_etcd_size(text) == {"etcd_size": size}
