"""Actions are values whose text is the very line that goes over SSH."""

from __future__ import annotations

import shlex

from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.actions import Evict, EvictOrDelete, MarkToCome, Run, TakeSlot, cordon, install_file

WORDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
ARGVS = st.lists(WORDS, min_size=1).map(tuple)


@given(argv=ARGVS, root=st.booleans(), unit=st.none() | st.just("stage-packages-v1.29.15"))
def test_a_shell_reads_the_line_as_the_argv_again(argv, root, unit):
    """Whatever the words hold: no value is ever parsed by a shell (I9)."""
    run = Run(argv, root=root, unit=unit)
    assert tuple(shlex.split(str(run))) == run.command
    assert run.command[-len(argv) :] == argv
    assert (run.command[:2] == ("sudo", "-n")) == (root or argv[:2] == ("sudo", "-n"))


@given(st.text(min_size=1))
def test_what_is_written_into_a_file_shows_in_no_line(text):
    """It goes through standard input, so it is in no process list and in no log."""
    write, replace_by = install_file("/etc/x.list", text)
    assert write.stdin == text
    assert [str(write), str(replace_by)] == [
        "sudo -n dd of=/etc/x.list.new status=none conv=fsync",
        "sudo -n mv -f /etc/x.list.new /etc/x.list",
    ]
    assert "stdin" not in repr(write)


def test_an_objects_version_is_no_part_of_its_line():
    """A rehearsal cannot know it, and prints the same line."""
    assert str(cordon("w1", "7", "prod")) == str(cordon("w1", "8", "prod"))
    assert str(cordon("w1", "7", "prod")).startswith('cordon node/w1: patch {"spec": {"unschedulable": true}')
    assert str(Evict("shop", "web-1", "u")) == "evict pod/shop/web-1"
    assert str(Evict("shop", "web-1", "u", 60)) == "evict pod/shop/web-1, grace period 60 s"
    either = EvictOrDelete("shop", "web-1", "u", 60, "approved by ann")
    assert (
        str(either) == f"{Evict('shop', 'web-1', 'u', 60)}, or delete it where no budget lets it go (approved by ann)"
    )
    assert str(MarkToCome(("w2", "w3"))) == (
        "taint node/w2, node/w3 with kubeadm-fleet.io/to-be-upgraded:PreferNoSchedule"
    )
    assert str(TakeSlot("worker", "w1")) == "take a worker slot for w1"


def test_what_a_file_will_hold_is_shown_without_secrets():
    """A dry run is read line by line; an entry of dnf's keeps the options that somebody has given it."""
    text = "[k8s]\nbaseurl=https://me:secret@mirror/\nproxy_password = secret\nenabled=1\n"
    write, move = install_file("/etc/yum.repos.d/k8s.repo", text)
    assert write.written == ("[k8s]", "baseurl=https://...@mirror/", "proxy_password = ...", "enabled=1")
    assert move.written == ()
    assert install_file("/etc/x", "line\n" * 100)[0].written == ()
