"""Does the real systemd read environment files as we do? The recorded spellings, asked of it again."""

from __future__ import annotations

import json

from in_memory.golden import FOLDER
from kubeadm_upgrade.systemd_service import Service, command_line, read_environment

SPELLINGS = [one["text"] for one in json.loads((FOLDER / "systemd-environment-files.json").read_text())]
# the words that a unit is started with, and what it finds in its environment
TELL = """#!/bin/sh
number=$1
shift
printf '%s\\0' "$@" >"/root/told/$number.argv"
env -0 >"/root/told/$number.environment"
"""
UNIT = """[Service]
Type=oneshot
EnvironmentFile=/root/spellings/{0}
ExecStart=/root/tell {0} $A $B ${{A}}
"""


def split(text: str) -> list[str]:
    return text.split("\0")[:-1]


def test_systemd_reads_each_spelling_as_we_do(machines):
    host = machines.boot("env2")["env2"]
    host.execute("mkdir", "-p", "/root/spellings", "/root/told")
    host.write("/root/tell", TELL, "0755")
    for number, text in enumerate(SPELLINGS):
        host.write(f"/root/spellings/{number}", text)
        host.write(f"/run/systemd/system/spelling-{number}.service", UNIT.format(number))
    host.execute("systemctl", "daemon-reload")
    host.execute("systemctl", "start", *(f"spelling-{number}.service" for number in range(len(SPELLINGS))))
    differing = {}
    for number, text in enumerate(SPELLINGS):
        environment = dict(word.split("=", 1) for word in split(host.read(f"/root/told/{number}.environment")))
        argv = split(host.read(f"/root/told/{number}.argv"))
        told = ({name: environment.get(name) for name in "AB"}, argv)
        read = read_environment(text)
        ours = Service(("$A", "$B", "${A}"), environment_files=("/e",))
        if told != ({name: read.get(name) for name in "AB"}, list(command_line(ours, {"/e": text}))):
            differing[text] = told
    assert differing == {}
