"""Is this the URL of a repository of Kubernetes' own packages, whatever mirror serves it?"""

from __future__ import annotations

import re
from urllib.parse import unquote

# pkgs.k8s.io serves add-ons beside Kubernetes, CRI-O among them, in the same layout; mirrors do as well
_ADD_ONS = re.compile(r"\baddons:|\bcri-o\b", re.IGNORECASE)
_NAMED_SO = re.compile(r"k8s|kubernetes", re.IGNORECASE)
_SHUT_DOWN_IN_2024 = {
    "deb": re.compile(r"https?://(apt\.kubernetes\.io|packages\.cloud\.google\.com/apt)(/|$)", re.IGNORECASE),
    "rpm": re.compile(r"https?://(packages\.cloud\.google\.com/yum|yum\.kubernetes\.io)(/|$)", re.IGNORECASE),
}
_PASSWORD = re.compile(r"//[^/\s@]*@")


def is_shut_down(url: str, package_format: str) -> bool:
    return _SHUT_DOWN_IN_2024[package_format].match(url) is not None


def is_core(url: str, package_format: str) -> bool:
    """Laid out as pkgs.k8s.io has it, and no add-on of it."""
    return re.search(rf"/v1\.\d+/{package_format}(/|$)", unquote(url)) is not None and not is_add_on(url)


def is_named_so(url: str) -> bool:
    """Whether it speaks of Kubernetes, and of no add-on: a mirror may have a layout of its own."""
    return _NAMED_SO.search(unquote(url)) is not None and not is_add_on(url)


def is_add_on(url: str) -> bool:
    return _ADD_ONS.search(unquote(url)) is not None


def without_password(text: str) -> str:
    """For sentences: apt and dnf take user name and password in a URL as well."""
    return _PASSWORD.sub("//", text)
