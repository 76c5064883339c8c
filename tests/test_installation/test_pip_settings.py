"""What pip is configured with reaches uv."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from installation.pip_settings import read, translate

# uv then asks the system whom to believe; who says something else is named in the cases
SYSTEM = {"UV_SYSTEM_CERTS": "1"}
Settings = Mapping[str, str]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        pytest.param(
            {"index-url": "https://user:word@mirror/simple"},
            {"UV_DEFAULT_INDEX": "https://user:word@mirror/simple"},
            id="a mirror",
        ),
        pytest.param(
            {"extra-index-url": "\nhttps://a/simple\nhttps://b/simple"},
            {"UV_INDEX": "https://a/simple https://b/simple", "UV_INDEX_STRATEGY": "unsafe-best-match"},
            id="more indexes, among which pip knows no order",
        ),
        pytest.param(
            {"find-links": "/opt/wheels /more"}, {"UV_FIND_LINKS": "/opt/wheels,/more"}, id="folders of wheels"
        ),
        pytest.param(
            {"trusted-host": "a b:8443"}, {"UV_INSECURE_HOST": "a b:8443"}, id="hosts believed without a certificate"
        ),
        pytest.param({"cert": "/etc/company.pem"}, {"SSL_CERT_FILE": "/etc/company.pem"}, id="a company's certificate"),
        pytest.param({"client-cert": "/me.pem"}, {"SSL_CLIENT_CERT": "/me.pem"}, id="one's own certificate"),
        pytest.param(
            {"proxy": "proxy:3128"},
            dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://proxy:3128"),
            id="a proxy",
        ),
        pytest.param({"timeout": "2.5"}, {"UV_HTTP_TIMEOUT": "3"}, id="patience"),
        pytest.param({"default-timeout": "180"}, {"UV_HTTP_TIMEOUT": "180"}, id="patience by its older name"),
        pytest.param({"retries": "9"}, {"UV_HTTP_RETRIES": "9"}, id="tries"),
        pytest.param({"keyring-provider": "subprocess"}, {"UV_KEYRING_PROVIDER": "subprocess"}, id="a key ring"),
        pytest.param({"no-cache-dir": "true"}, {"UV_NO_CACHE": "1"}, id="no cache"),
        pytest.param({"no-cache-dir": "false"}, {}, id="a cache after all"),
        pytest.param(
            {"quiet": "1", "cache-dir": "/x", "user": "0", "config-file": "/x/pip.conf"}, {}, id="what changes nothing"
        ),
    ],
)
def test_a_setting_of_pip_is_a_variable_of_uv(settings: Settings, told: Settings) -> None:
    for_uv = translate(settings, {})
    assert {name: text for name, text in for_uv.environment.items() if name not in SYSTEM} == told
    assert for_uv.unknown == ()


@pytest.mark.parametrize(
    ("settings", "arguments", "constraints"),
    [
        pytest.param({"no-index": "yes"}, ("--no-index",), (), id="no index"),
        pytest.param({"no-index": "no"}, (), (), id="an index after all"),
        pytest.param(
            {"no-index": "1", "index-url": "https://a", "extra-index-url": "https://b"},
            ("--no-index",),
            (),
            id="no index over all",
        ),
        pytest.param({"only-binary": ":all:"}, ("--only-binary=:all:",), (), id="nothing is built"),
        pytest.param({"no-binary": "a,b"}, ("--no-binary=a", "--no-binary=b"), (), id="these are built"),
        pytest.param({"constraint": "/etc/a.txt /etc/b.txt"}, (), ("/etc/a.txt", "/etc/b.txt"), id="constraints"),
        pytest.param({"constraint": "https://a/c.txt"}, (), ("https://a/c.txt",), id="constraints from elsewhere"),
    ],
)
def test_what_uv_has_no_variable_for_is_an_argument(
    settings: Settings, arguments: tuple[str, ...], constraints: tuple[str, ...]
) -> None:
    for_uv = translate(settings, {})
    assert (for_uv.arguments, for_uv.constraints) == (arguments, constraints)
    assert not {"UV_DEFAULT_INDEX", "UV_INDEX"} & for_uv.environment.keys()
    assert for_uv.unknown == ()


@pytest.mark.parametrize("option", ["pre", "target", "platform", "require-hashes", "index-of-tomorrow"])
def test_a_setting_that_uv_cannot_be_told_is_pips_own_work(option: str) -> None:
    assert translate({option: "1", "quiet": "1"}, {}).unknown == (option,)


@pytest.mark.parametrize(
    ("settings", "environment", "told"),
    [
        pytest.param({"index-url": "https://a"}, {"UV_DEFAULT_INDEX": "https://b"}, {}, id="who speaks to uv means uv"),
        pytest.param(
            {"cert": "/a.pem"},
            {"SSL_CERT_FILE": "/b.pem"},
            {"SSL_CERT_FILE": "/a.pem"},
            id="but what all programs read, pip's setting goes over",
        ),
        pytest.param(
            {"proxy": "http://a:1"},
            {"HTTPS_PROXY": "http://b:1"},
            dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://a:1"),
            id="and the proxies",
        ),
        pytest.param(
            {},
            {"REQUESTS_CA_BUNDLE": "/r.pem", "CURL_CA_BUNDLE": "/c.pem"},
            {"SSL_CERT_FILE": "/r.pem"},
            id="what pip's HTTP library reads",
        ),
        pytest.param({}, {"CURL_CA_BUNDLE": "/c.pem"}, {"SSL_CERT_FILE": "/c.pem"}, id="and what it reads else"),
        pytest.param(
            {"cert": "/a.pem"}, {"REQUESTS_CA_BUNDLE": "/r.pem"}, {"SSL_CERT_FILE": "/a.pem"}, id="pip's own first"
        ),
    ],
)
def test_who_has_the_last_word(settings: Settings, environment: Settings, told: Settings) -> None:
    found = translate(settings, environment).environment
    assert {name: text for name, text in found.items() if name not in SYSTEM} == told


@pytest.mark.parametrize(
    ("listing", "settings"),
    [
        pytest.param(
            "global.index-url='https://a'\ninstall.index-url='https://b'",
            {"index-url": "https://b"},
            id="of pip install over global",
        ),
        pytest.param(
            ":env:.index-url='https://c'\nglobal.index-url='https://a'",
            {"index-url": "https://c"},
            id="the environment over files",
        ),
        pytest.param("download.index-url='https://a'\nfreeze.all='1'", {}, id="other commands' say nothing"),
        pytest.param(
            "global.extra_index_url='\\nhttps://a\\nhttps://b'",
            {"extra-index-url": "\nhttps://a\nhttps://b"},
            id="several lines, and another spelling",
        ),
        pytest.param(
            "global.index-url='https://a/?x=y'\nWARNING: something else",
            {"index-url": "https://a/?x=y"},
            id="an equals sign, and a line that is none",
        ),
        pytest.param(":env:.extra-index-url=''", {}, id="an empty one"),
        pytest.param("", {}, id="nothing"),
    ],
)
def test_pips_listing_is_read_as_pip_reads_its_settings(listing: str, settings: Settings) -> None:
    assert read(listing) == settings


def test_the_listing_of_the_real_pip(tmp_path: Path) -> None:
    """Written as its users write it, read as pip prints it."""
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://user:p%40ss@mirror/simple\nextra-index-url =\n    https://a\n    https://b\n"
        "[install]\ntrusted-host = mirror\n"
    )
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        env={"PIP_CONFIG_FILE": str(config), "PIP_TIMEOUT": "7", "HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = read(listing)
    assert {
        "index-url": "https://user:p%40ss@mirror/simple",
        "extra-index-url": "\nhttps://a\nhttps://b",
        "trusted-host": "mirror",
        "timeout": "7",
    }.items() <= found.items()
