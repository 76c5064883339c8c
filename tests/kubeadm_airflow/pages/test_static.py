"""What pages are made of: nothing is written into them, and nothing makes markup or script of text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import kubeadm_airflow.pages
import kubeadm_upgrade_plugin
from kubeadm_upgrade.ledger.steering import MOST_LETTERS
from kubeadm_upgrade_plugin import KubeadmUpgradePlugin

STATIC = sorted((Path(kubeadm_airflow.pages.__file__).parent / "static").iterdir())
MAKES_MARKUP = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|srcdoc"
RUNS_TEXT = r"\beval\(|new Function|setTimeout\(\s*['\"`]|javascript:"
OF_ITS_OWN = r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|<base|<iframe|<form[^>]*action"


def of(ending: str) -> list[Path]:
    return [path for path in STATIC if path.suffix == ending]


def name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", of(".js"), ids=name)
def test_script_makes_elements_of_text_alone(path):
    text = path.read_text()
    assert re.findall(f"{MAKES_MARKUP}|{RUNS_TEXT}", text) == []
    assert "createElement" not in text or path.name in ("dom.js", "frame.js")


@pytest.mark.parametrize("path", of(".html"), ids=name)
def test_a_page_holds_no_script_and_no_style_of_its_own(path):
    assert re.findall(OF_ITS_OWN, path.read_text()) == []


@pytest.mark.parametrize("path", STATIC, ids=name)
def test_nothing_is_fetched_from_elsewhere(path):
    """But for the name that SVG has."""
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)|@import|['\"(]//", path.read_text()) == []


@pytest.mark.parametrize("path", of(".js"), ids=name)
def test_what_a_script_imports_is_there(path):
    imported = re.findall(r"import (?:[^'\"]+ from )?['\"]\./([^'\"]+)['\"]", path.read_text())
    assert {*imported} <= {one.name for one in STATIC}


def test_a_reason_may_be_as_long_as_an_order_takes_it():
    (asks,) = (path for path in STATIC if path.name == "ask.js")
    assert re.findall(r"maxlength: (\d+)", asks.read_text()) == [str(MOST_LETTERS)]


def test_airflow_shows_pages_wherever_it_is():
    """An address that begins with a slash would leave an Airflow that is below a path of its host."""
    views = KubeadmUpgradePlugin.external_views
    assert [view["href"] for view in views if not view["href"].startswith("kubeadm-upgrade/")] == []
    assert len({view["url_route"] for view in views}) == len(views)


def test_the_application_is_built_at_its_first_request():
    """Plugins are loaded in every task's process, where nobody asks for a page."""
    assert kubeadm_upgrade_plugin._application.cache_info().currsize == 0
    assert KubeadmUpgradePlugin.fastapi_apps[0]["app"] is kubeadm_upgrade_plugin.pages
