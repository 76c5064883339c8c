"""What is told when .venv could not be made: what failed, what was said last, what to do."""

from __future__ import annotations

import re

from installation.programs import Ended

# What an installer says, in small letters: what to do about it. The first that fits.
ADVICE = {
    "no space left": "Make room: .venv takes about 400 MB, the downloads another 85.",
    "certificate|ssl": "The package index is not believed. If your company signs what its proxy lets through, name its "
    "certificate: python3 -m pip config set global.cert /path/to/certificate.pem",
    "name resolution|connection|timed out|timeout|unreachable|proxy|getaddrinfo|nodename": "The package index was not "
    "reached: look at the network and the proxy. For a mirror: python3 -m pip config set global.index-url https://...",
    "no matching distribution|resolutionimpossible": "The package index does not have what constraints.txt asks for; a "
    "mirror may be behind: python3 -m pip config list shows where pip looks.",
}
_ELSE = "What it says must be mended first."


class Failed(Exception):
    """Sentences for whoever has typed make."""


def why(ended: Ended) -> str:
    """Of the last program that could have done it."""
    said = "\n".join(f"    {line}" for line in ended.words)
    advice = next((told for signs, told in ADVICE.items() if re.search(signs, said.lower())), _ELSE)
    last = f" The last it said:\n{said}" if said else ""
    return f"The packages could not be installed into .venv: {ended.what}.{last}\n{advice} Then say make again."
