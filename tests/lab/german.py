"""What sudo, apt and dpkg say on a host that speaks German: the texts of their own catalogues.

It has a LANGUAGE as well, which below glibc 2.39 goes before every locale but C, also before C.UTF-8.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.process import Process

#: English, as the programs' sources have it, to German. apt's and dpkg's are their Debian catalogues', sudo's as
#: people quote it.
_GERMAN = {
    "sudo: a password is required": "sudo: Ein Passwort ist notwendig",
    "{}: {}: command not found": "{}: {}: Befehl nicht gefunden",
    "It is held by process {} ({})": "Sie wird von Prozess {} ({}) gehalten.",
    "Could not get lock {}. {}": "Sperre {} konnte nicht erlangt werden. {}",
    "Waiting for cache lock: {}": "Warten auf Sperre für Zwischenspeicher: {}",
    "Could not open lock file {} - open (13: Permission denied)": (
        "Sperrdatei {} konnte nicht geöffnet werden. - open (13: Keine Berechtigung)"
    ),
    "Unable to lock directory {}": "Das Verzeichnis {} kann nicht gesperrt werden.",
    "Be aware that removing the lock file is not a solution and may break your system.": (
        "Beachten Sie, dass das Entfernen der Sperrdatei keine Lösung ist und Ihr System beschädigen kann."
    ),
    "Unable to acquire the dpkg frontend lock ({}), are you root?": (
        "Erlangen der Sperre für die Dpkg-Oberfläche ({}) nicht möglich; sind Sie root?"
    ),
    "Unable to acquire the dpkg frontend lock ({}), is another process using it?": (
        "Erlangen der Sperre für die Dpkg-Oberfläche ({}) nicht möglich; wird sie von einem anderen Prozess verwendet?"
    ),
    "dpkg: error: dpkg frontend lock was locked by another process with pid {}": (
        "dpkg: Fehler: dpkg-Frontend-Sperre war von einem anderen Prozess mit PID {} gesperrt"
    ),
    "Note: removing the lock file is always wrong, can damage the locked area\nand the entire system. See {}.": (
        "Anmerkung: Die Sperrdatei zu entfernen ist immer falsch, und kann\n"
        "den gesperrten Bereich und das gesamte System beschädigen.\nSiehe {}."
    ),
    "Sub-process {} returned an error code ({})": "Unterprozess {} hat Fehlercode zurückgegeben ({})",
    "Executing dpkg failed. Are you root?": "Ausführen von dpkg fehlgeschlagen. Sind Sie root?",
}


def say(process: Process, text: str, *values: object) -> str:
    """In the language of the host, unless the command was given another."""
    return _say(process, process.environment, text).format(*values)


def sudo_says(process: Process, text: str, *values: object) -> str:
    return _say(process, process.before_sudo, text).format(*values)


def _say(process: Process, environment: Mapping[str, str], text: str) -> str:
    german = process.host.cluster.faults.is_on("german", process.host.name)
    return _GERMAN[text] if german and environment.get("LC_ALL") not in ("C", "POSIX") else text
