"""How far it is, read from what uv and pip print: their own words, recorded."""

from __future__ import annotations

import io

import pytest

from installation.display import Display
from installation.failure import ADVICE, why
from installation.hearing import Hearing
from installation.programs import Ended

UV = """\
Using Python 3.11.7 environment at: .venv
Resolved 163 packages in 2.52s
Downloading ast-serialize (1.3MiB)
Downloading ruff (10.2MiB)
Downloading grpcio (512.0KiB)
 Downloaded ast-serialize
 Downloaded grpcio
 Downloaded ruff
Prepared 163 packages in 2.05s
Installed 163 packages in 903ms
 + a2wsgi==1.10.10
"""
PIP = """\
Collecting apache-airflow==3.3.2 (from -r requirements.txt (line 2))
  Downloading apache_airflow-3.3.2-py3-none-any.whl (12 kB)
Collecting a2wsgi>=1.10.8 (from apache-airflow-core)
  Using cached a2wsgi-1.10.10-py3-none-any.whl (17 kB)
Installing collected packages: a2wsgi, apache-airflow
Successfully installed a2wsgi-1.10.10 apache-airflow-3.3.2
"""


def heard(text: str, unpacked: int = 0) -> list[tuple[str, float]]:
    hearing, found = Hearing(pins=4), []
    for line in text.splitlines():
        hearing.hear(line)
        found.append((hearing.words(unpacked), hearing.share(unpacked)))
    return found


def test_what_uv_loads_is_counted_in_megabytes() -> None:
    words = [words for words, _ in heard(UV)]
    assert words[0] == "finding the packages"
    assert words[5:8] == ["downloading: 1 of 12 MB", "downloading: 2 of 12 MB", "downloading: 12 of 12 MB"]
    assert words[8] == "unpacking: 0 of 4 packages"


def test_what_pip_finds_is_counted_in_packages() -> None:
    assert [words for words, _ in heard(PIP, unpacked=3)][1:5] == [
        *["finding and downloading the packages: 1 of 4"],
        *["finding and downloading the packages: 2 of 4"] * 2,
        "unpacking: 3 of 4 packages",
    ]


@pytest.mark.parametrize("text", [UV, PIP], ids=["uv", "pip"])
@pytest.mark.parametrize("unpacked", [0, 2, 400])
def test_the_bar_never_goes_back_nor_beyond_its_end(text: str, unpacked: int) -> None:
    shares = [share for _, share in heard("Looking in indexes: x\n" + text, unpacked)]
    # what uv announces makes the whole larger, before anything of it is there
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_without_a_terminal_each_topic_is_one_line() -> None:
    out = io.StringIO()
    display = Display(out, {})
    for megabytes in range(5):
        display.show(f"downloading: {megabytes} of 5 MB", 0.5)
    display.show("unpacking", 0.9)
    display.say("done")
    assert [line[8:] or line for line in out.getvalue().splitlines()][:2] == ["downloading: 0 of 5 MB", "unpacking"]
    assert out.getvalue().splitlines()[2:] == ["done"]
    assert "\x1b" not in out.getvalue()


def test_in_a_terminal_a_bar_moves_in_its_line_and_is_gone_at_the_end() -> None:
    out = Terminal()
    display = Display(out, {"TERM": "xterm"})
    display.show("downloading", 0.5)
    display.show("unpacking", 1.0)
    display.say("done")
    *drawn, last = out.getvalue().split("\r\x1b[K")
    assert [line.split()[:2] for line in drawn if line] == [["█" * 12 + "░" * 12, "50%"], ["█" * 24, "100%"]]
    assert last == "done\n"


def test_a_terminal_that_has_no_blocks_gets_signs() -> None:
    out = Terminal()
    out.encoding = "ascii"
    Display(out, {"TERM": "xterm"}).show("downloading", 0.5)
    assert "############............" in out.getvalue()


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "Make room"),
        ("SSLCertVerificationError: certificate verify failed: unable to get local issuer", "global.cert"),
        ("ERROR: No matching distribution found for aiohttp==3.14.5", "a mirror may be behind"),
        ("ERROR: ResolutionImpossible: for help visit ...", "a mirror may be behind"),
        ("NewConnectionError: Temporary failure in name resolution", "the network and the proxy"),
        ("ReadTimeoutError: Read timed out.", "the network and the proxy"),
        ("error: command 'gcc' failed", "must be mended first"),
    ],
)
def test_each_failure_says_what_to_do(line: str, advice: str) -> None:
    said = why(Ended("python ended with code 1", ["something", line]))
    assert line in said
    assert advice in said.splitlines()[-1]
    assert said.endswith("Then say make again.")


def test_where_pip_was_not_reached_that_is_said_and_not_what_follows_from_it() -> None:
    """pip ends with 'No matching distribution' then as well."""
    words = [
        "WARNING: Retrying ... Temporary failure in name resolution",
        "ERROR: No matching distribution found for x",
    ]
    assert "the network and the proxy" in why(Ended("python ended with code 1", words))
    assert len(ADVICE) == len({*ADVICE.values()})
