"""How does sudo know what we may run as root, and that we may run no more? By a generated file: sudoers(5).

sudo joins the arguments with blanks and matches the whole line, so a pattern that does not say which characters it
stands for stands for further arguments too. A regular expression says it. A wildcard cannot, so each rule with a `*` is
followed by rules that take back what a `*` must not stand for: of the rules that match, the last one decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from kubeadm_upgrade.facts import COMPANIONS, PACKAGES
from kubeadm_upgrade.rights.root_commands import root_commands
from kubeadm_upgrade.rights.stand_ins import STAND_INS, StandIn

USER = "upgrader"

# Where /bin and /usr/bin are one, as on every release of Debian, Ubuntu and Red Hat's kin that is supported today, and
# where the packages put kubeadm and kubectl. sudo compares files, so another path to the same one will do.
_DIRECTORY = "/usr/bin"

_NAMES = frozenset({*PACKAGES, *COMPANIONS})
_NAME = StandIn("stand-in-package", f"({'|'.join(sorted(_NAMES))})", "[ck]*", "a-z-")
_STAND_INS = {stand_in.text: stand_in for stand_in in (*STAND_INS, _NAME)}
# a package version begins with a version, so the longer one comes first
_ANY_STAND_IN = re.compile("|".join(re.escape(text) for text in sorted(_STAND_INS, key=len, reverse=True)))

_IN_REGEX = {ord(one): f"\\{one}" for one in r"\.*+?^$|()[]{}#"}
_IN_SUDOERS = {ord(one): f"\\{one}" for one in ",:=#"}
# a backslash is read twice, by sudo's parser and by fnmatch; the parser leaves those before a wildcard alone
_IN_WILDCARDS = _IN_SUDOERS | {ord(one): f"\\{one}" for one in "*?[]!"} | {ord("\\"): "\\\\\\\\"}

_HEADER = """\
# What kubeadm-fleet runs as root on the hosts of a cluster. Generated from its code, not to be edited, by
#   {command}
# Check it with visudo -c -f FILE, and install it as /etc/sudoers.d/kubeadm-fleet: owner root, mode 0440.
#
# It keeps mistakes out and makes an audit possible. It is no prison: whoever may change package repositories, install
# packages and run kubeadm as root can become root.
#
{form}
# Above each group stands what wants it: a step of the procedure, or a look. No terminal is needed; where somebody has
# set requiretty, add the line: Defaults:{user} !requiretty

# Nothing else: what earlier rules allow {user} as root is taken back. A refusal is said and logged as one; without this
# line, sudo -n would only say that a password is required, and log nothing.
{user} ALL=(root) NOPASSWD: !ALL
"""
_REGULAR_EXPRESSIONS = """\
# Arguments are regular expressions, which sudo knows since 1.9.10. For an older one, add --wildcards."""
_WILDCARDS = """\
# Arguments are wildcards, for sudo before 1.9.10. A * stands for blanks and slashes too, so rules with ! follow, which
# take back what it must not stand for. Keep their order: of the rules that match, the last one decides."""

_NO_ARGUMENTS = '""'  # a rule without any allows all
_BLANK = "\0"  # one that is part of an argument, which no argument can hold itself

Argv = tuple[str, ...]


def is_user(text: str) -> bool:
    """Whether this names one user, and is nothing else to sudo's parser."""
    return re.fullmatch(r"[a-z_][a-z0-9_-]*", text) is not None


def text(user: str = USER, *, wildcards: bool = False) -> str:
    """The whole file."""
    options = (*(("--user", user) if user != USER else ()), *(("--wildcards",) if wildcards else ()))
    command = " ".join(("python -m kubeadm_upgrade sudoers", *options))
    parts = [_HEADER.format(command=command, user=user, form=_WILDCARDS if wildcards else _REGULAR_EXPRESSIONS)]
    for wanted_by, rules in _in_order(_groups()) if wildcards else _groups().items():
        lines = _wildcard_lines(rules) if wildcards else map(_regex_line, rules)
        parts.append(f"# {', '.join(wanted_by)}\n" + "".join(f"{user} ALL=(root) {line}\n" for line in lines))
    return "\n".join(parts)


def examples() -> Sequence[Mapping[str, Sequence[str]]]:
    """One command for every rule, and what wants it: what a host's sudo can be asked about (access/sudo.py)."""
    real = {_NAME.text: min(_NAMES)}
    return [
        {"wanted_by": wanted_by, "argv": [real.get(word, word) for word in argv]}
        for wanted_by, rules in _groups().items()
        for argv in rules
    ]


@cache
def _groups() -> Mapping[tuple[str, ...], Sequence[Argv]]:
    """Every rule once, under all that want it, in the order in which they first do."""
    wishes: dict[Argv, list[str]] = {}
    for command in root_commands():
        wanted_by = wishes.setdefault(command.argv, [])
        if command.wanted_by not in wanted_by:
            wanted_by.append(command.wanted_by)
    groups: dict[tuple[str, ...], list[Argv]] = {}
    for argv, names in _without_special_cases(_each_once(_with_any_packages(wishes))):
        groups.setdefault(tuple(names), []).append(argv)
    return groups


def _with_any_packages(wishes: Mapping[Argv, Sequence[str]]) -> Iterator[tuple[Argv, Sequence[str]]]:
    """Where a command ends in package names, and not always in the same: up to as many of any of them."""
    endings: dict[Argv, set[Argv]] = {}
    for argv in wishes:
        endings.setdefault(_before_packages(argv), set()).add(argv)
    for argv, names in wishes.items():
        before = _before_packages(argv)
        most = max(map(len, endings[before])) - len(before)
        yield (argv if len(endings[before]) == 1 else (*before, *(_NAME.text,) * most)), names


def _before_packages(argv: Argv) -> Argv:
    while argv[-1] in _NAMES:
        argv = argv[:-1]
    return argv


def _each_once(wishes: Iterable[tuple[Argv, Sequence[str]]]) -> Sequence[tuple[Argv, Sequence[str]]]:
    """Commands that differ in their stand-ins only are one rule."""
    rules: dict[str, tuple[Argv, list[str]]] = {}
    for argv, names in wishes:
        _, known = rules.setdefault(f"{argv[0]} {_regex(argv)}", (argv, []))
        known += (name for name in names if name not in known)
    return tuple(rules.values())


def _without_special_cases(
    rules: Sequence[tuple[Argv, Sequence[str]]],
) -> Iterator[tuple[Argv, Sequence[str]]]:
    """Without those that another one allows as well: the usual name of a file, where it may be any."""
    for argv, names in rules:
        others = (other for other, _ in rules if other is not argv and other[0] == argv[0])
        if not any(re.fullmatch(_regex(other), _line(argv)) for other in others):
            yield argv, names


def _regex_line(argv: Argv) -> str:
    return _rule(argv, f"^{_regex(argv)}$" if argv[1:] else _NO_ARGUMENTS)


def _in_order(groups: Mapping[tuple[str, ...], Sequence[Argv]]) -> Sequence[tuple[tuple[str, ...], Sequence[Argv]]]:
    """A group whose wildcards take back what another allows comes before that."""
    found: list[tuple[tuple[str, ...], Sequence[Argv]]] = []
    for group in groups.items():
        place = next((n for n, (_, others) in enumerate(found) if _takes_back(group[1], others)), len(found))
        found.insert(place, group)
    return found


def _takes_back(rules: Iterable[Argv], others: Sequence[Argv]) -> bool:
    return any(
        rule[0] == other[0]
        and re.fullmatch(".*".join(map(re.escape, _ANY_STAND_IN.split(_line(rule)))), _line(other))
        and not re.fullmatch(_regex(rule), _line(other))
        for rule in rules
        for other in others
    )


def _wildcard_lines(rules: Iterable[Argv]) -> Iterator[str]:
    """Each rule that allows, and for each of its stand-ins one that takes back.

    Shorter ones first, by words and then by what is fixed in them: they take back what only a longer one allows.
    """
    for argv in sorted((one for rule in rules for one in _each_count(rule)), key=_length):
        yield _rule(argv, _wildcards(argv) if argv[1:] else _NO_ARGUMENTS)
        for taken_back in range(len(_stand_ins(_line(argv)))):
            yield _rule(argv, _wildcards(argv, taken_back), allowed=False)


def _length(argv: Argv) -> tuple[int, int]:
    return len(argv), len(_ANY_STAND_IN.sub("", _line(argv)))


def _each_count(argv: Argv) -> Iterator[Argv]:
    """A wildcard cannot say how often, so there is a rule for one package name, one for two, and so on."""
    count = argv.count(_NAME.text)
    return (argv[: len(argv) - fewer] for fewer in range(max(count, 1)))


def _rule(argv: Argv, arguments: str, *, allowed: bool = True) -> str:
    """In columns: the longest of our programs is systemd-run; one that is in no PATH is named by its own."""
    program = argv[0] if argv[0].startswith("/") else f"{_DIRECTORY}/{argv[0]:<11}"
    return f"NOPASSWD: {' ' if allowed else '!'}{program} {arguments}"


def _line(argv: Argv) -> str:
    """The arguments, as sudo matches them."""
    return " ".join(argv[1:])


def _regex(argv: Argv) -> str:
    text, names = _line(argv), argv.count(_NAME.text)
    between = [literal.translate(_IN_REGEX) for literal in _ANY_STAND_IN.split(text)]
    regex = _in_turn(between, [stand_in.regex for stand_in in _stand_ins(text)])
    every_name = f" {_NAME.regex}" * names
    return regex.replace(every_name, f"( {_NAME.regex}){{1,{names}}}") if names > 1 else regex


def _wildcards(argv: Argv, taken_back: int | None = None) -> str:
    """What allows; or for the stand-in of this number, what it must not be."""
    words = (_BLANK if not word else word.replace(" ", _BLANK) for word in argv[1:])
    # sudo's parser takes blanks together; after an empty argument, and within one, they are to be kept
    text = " ".join(words).replace(f"{_BLANK} ", _BLANK)
    patterns = [stand_in.wildcard for stand_in in _stand_ins(text)]
    if taken_back is not None:
        patterns[taken_back] += f"[!{_stand_ins(text)[taken_back].only}]*"
    between = [literal.translate(_IN_WILDCARDS) for literal in _ANY_STAND_IN.split(text)]
    return _in_turn(between, [pattern.translate(_IN_SUDOERS) for pattern in patterns]).replace(_BLANK, "\\ ")


def _stand_ins(text: str) -> Sequence[StandIn]:
    return [_STAND_INS[found] for found in _ANY_STAND_IN.findall(text)]


def _in_turn(between: Sequence[str], patterns: Sequence[str]) -> str:
    return "".join(part for pair in zip(between, (*patterns, ""), strict=True) for part in pair)
