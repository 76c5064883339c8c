"""Words of a command line as values, and argparse's own sentence where one is none."""

from __future__ import annotations

import argparse

from kubeadm_upgrade.rights import sudoers
from kubeadm_upgrade.version import TargetVersion


def target_version(text: str) -> TargetVersion:
    try:
        return TargetVersion.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def user(text: str) -> str:
    if not sudoers.is_user(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no user name")
    return text
