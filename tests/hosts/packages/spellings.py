"""How administrators spell repository files, and what apt and dnf read from each: asked of both on real hosts."""

from __future__ import annotations

from dataclasses import dataclass

A, B = "https://a.example/v1.28/deb/", "https://b.example/debian/"
STANZA = f"Types: deb\nURIs: {A}\nSuites: /\n"


@dataclass(frozen=True)
class OfApt:
    """A file in sources.list.d: the URLs of its indexes, in any order; None where apt refuses the file."""

    name: str
    text: str
    indexes: tuple[str, ...] | None
    is_read: bool = True  # whether apt looks into a file of this name


FLAT = f"{A}InRelease"
SUITE = f"{B}dists/bookworm/InRelease"
OF_APT = (
    OfApt("plain.list", f"deb {A} /\n", (FLAT,)),
    OfApt("no-end-of-line.list", f"deb {A} /", (FLAT,)),
    OfApt("without-slash.list", f"deb {A.rstrip('/')} /\n", (FLAT,)),
    OfApt("options.list", f"deb [signed-by=/k.gpg arch=amd64] {A} /\n", (FLAT,)),
    OfApt("blanks.list", f"  deb\t[ arch=amd64  trusted=yes ]\t{A}   /  \n", (FLAT,)),
    OfApt("windows.list", f"deb {A} /\r\n", (FLAT,)),
    OfApt("comment-behind.list", f"deb {A} / # ours\n", (FLAT,)),
    OfApt("comment-close.list", f"deb {A} /#ours\n", (FLAT,)),
    OfApt("commented-out.list", f"# deb {A} /\n#deb {A} /\n", ()),
    OfApt("backslash.list", f"deb {A} / # goes on \\\ndeb {B} bookworm main\n", (FLAT, SUITE)),
    OfApt("suite.list", f"deb {B} bookworm main contrib\n", (SUITE,)),
    OfApt("sources-only.list", f"deb-src {B} bookworm main\n", (SUITE,)),
    OfApt("dot-slash.list", f"deb {A} ./\n", (f"{A}./InRelease",)),
    OfApt("in-the-suite.list", "deb https://a.example/v1.28/ deb/\n", (FLAT,)),
    OfApt("quoted.list", f'deb "{A}" /\n', (FLAT,)),
    OfApt(
        "escaped.list", "deb https://a.example/core%3a/v1.28/deb/ /\n", ("https://a.example/core:/v1.28/deb/InRelease",)
    ),
    OfApt("enabled-is-no-option.list", f"deb [enabled=no] {A} /\n", (FLAT,)),
    OfApt("no-blank.list", f"deb [arch=amd64]{A} /\n", None),
    OfApt("capitals.list", f"DEB {A} /\n", None),
    OfApt("no-suite.list", f"deb {A}\n", None),
    OfApt("byte-order-mark.list", f"\ufeffdeb {A} /\n", None),
    OfApt("http:__a.example.list", f"deb {A} /\n", (FLAT,)),
    OfApt("a+b.list", f"deb {A} /\n", (FLAT,), is_read=False),
    OfApt("kubernetes.list.save", f"deb {A} /\n", (FLAT,), is_read=False),
    OfApt("kubernetes.list~", f"deb {A} /\n", (FLAT,), is_read=False),
    OfApt(".hidden.list", f"deb {A} /\n", (FLAT,), is_read=False),
    OfApt("plain.sources", STANZA, (FLAT,)),
    OfApt("small-letters.sources", STANZA.lower().replace("types: deb", "types: deb"), (FLAT,)),
    OfApt("two-uris.sources", f"Types: deb\nURIs: {A} {B}\nSuites: /\n", (FLAT, f"{B}InRelease")),
    OfApt("on-two-lines.sources", f"Types: deb\nURIs:\n {A}\n\t{B}\nSuites: /\n", (FLAT, f"{B}InRelease")),
    OfApt("enabled-no.sources", f"{STANZA}Enabled: no\n", ()),
    OfApt("enabled-off.sources", f"Enabled: Off\n{STANZA}", ()),
    OfApt("enabled-0.sources", f"{STANZA}Enabled: 0\n", ()),
    OfApt("enabled-yes.sources", f"{STANZA}Enabled: yes\n", (FLAT,)),
    OfApt("enabled-perhaps.sources", f"{STANZA}Enabled: perhaps\n", (FLAT,)),
    OfApt(
        "two-stanzas.sources",
        f"{STANZA}\n\nTypes: deb\nURIs: {B}\nSuites: bookworm\nComponents: main\n",
        (FLAT, SUITE),
    ),
    OfApt("one-of-two.sources", f"{STANZA}Enabled: no\n\nTypes: deb\nURIs: {B}\nSuites: /\n", (f"{B}InRelease",)),
    OfApt(
        "comments.sources", f"# ours\n{STANZA.replace('Suites', '# then' + chr(10) + 'Suites')}\n# the end\n", (FLAT,)
    ),
    OfApt("comment-within.sources", f"Types: deb\nURIs:\n# first\n {A}\nSuites: /\n", (FLAT,)),
    OfApt("blanks-are-no-end.sources", f"Types: deb\nURIs: {B}\nSuites: /\n \nURIs: {A}\n", (FLAT,)),
    OfApt("windows.sources", f"{STANZA}\n{STANZA.replace(A, B)}".replace("\n", "\r\n"), (FLAT, f"{B}InRelease")),
    OfApt("key-within.sources", f"{STANZA}Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abcd\n", (FLAT,)),
)

R, S = "https://a.example/v1.28/rpm/", "https://b.example/epel/"
PAGE = f"[kubernetes]\nname=Kubernetes\nbaseurl={R}\nenabled=1\ngpgcheck=1\nexclude=kubelet kubeadm\n"


@dataclass(frozen=True)
class OfDnf:
    """A .repo file: each repository's URLs and excludes, and whether it is enabled; None where dnf cannot read it."""

    name: str
    text: str
    repositories: dict[str, tuple[tuple[str, ...], tuple[str, ...], bool]] | None


OURS = {"kubernetes": ((R,), ("kubelet", "kubeadm"), True)}
BARE = f"[k]\nname=k\nbaseurl={R}\n"
OF_DNF = (
    OfDnf("page", PAGE, OURS),
    OfDnf("blanks around", PAGE.replace("=", " = "), OURS),
    OfDnf("windows", PAGE.replace("\n", "\r\n"), OURS),
    OfDnf("comments", f"# ours\n; and\n{PAGE}#enabled=0\n", OURS),
    OfDnf("empty lines", PAGE.replace("\n", "\n\n"), OURS),
    OfDnf("commas", PAGE.replace("kubelet kubeadm", "kubelet,kubeadm"), OURS),
    OfDnf("comma and blank", PAGE.replace("kubelet kubeadm", "kubelet, kubeadm"), OURS),
    OfDnf("excludepkgs", PAGE.replace("exclude=", "excludepkgs="), OURS),
    OfDnf("lines", PAGE.replace("kubelet kubeadm", "kubelet\n  kubeadm"), OURS),
    OfDnf("enabled=0", BARE + "enabled=0\n", {"k": ((R,), (), False)}),
    OfDnf("enabled=no", BARE + "enabled=no\n", {"k": ((R,), (), False)}),
    OfDnf("enabled=False", BARE + "enabled=False\n", {"k": ((R,), (), False)}),
    OfDnf("enabled=off", BARE + "enabled=off\n", {"k": ((R,), (), False)}),
    OfDnf("enabled=true", BARE + "enabled=true\n", {"k": ((R,), (), True)}),
    OfDnf("enabled is not said", BARE, {"k": ((R,), (), True)}),
    OfDnf("twice", BARE + f"baseurl={S}\n", {"k": ((S,), (), True)}),
    OfDnf("two URLs", BARE.replace(R, f"{R} {S}"), {"k": ((R, S), (), True)}),
    OfDnf("URLs on two lines", BARE.replace(R, f"{R}\n   {S}"), {"k": ((R, S), (), True)}),
    OfDnf("URLs with a comma", BARE.replace(R, f"{R},{S}"), {"k": ((R, S), (), True)}),
    OfDnf("two sections", f"{PAGE}\n[epel]\nname=e\nbaseurl={S}\nenabled=0\n", {**OURS, "epel": ((S,), (), False)}),
    OfDnf("a variable", BARE.replace("v1.28", "$k8s_minor"), {"k": ((R,), (), True)}),
    OfDnf("a variable in braces", BARE.replace("v1.28", "${k8s_minor}"), {"k": ((R,), (), True)}),
    OfDnf("equals signs", BARE.replace(R, f"{R}?a=b"), {"k": ((f"{R}?a=b",), (), True)}),
    OfDnf("a colon is no delimiter", BARE.replace("baseurl=", "baseurl: x="), {"k": ((), (), True)}),
    OfDnf("a comment behind is none", BARE.replace(R, f"{R}#x"), {"k": ((f"{R}#x",), (), True)}),
    OfDnf("capitals", BARE.replace("baseurl", "BaseURL"), {"k": ((), (), True)}),
    OfDnf("no section", f"baseurl={R}\n", None),
    OfDnf("a line without a sign", f"{BARE}garbage\n", None),
)
VARIABLES = {"k8s_minor": "v1.28"}
