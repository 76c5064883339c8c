"""Facts and hops to start from."""

from __future__ import annotations

import functools

import pytest

from in_memory import examples


@pytest.fixture
def hop():
    """A hop of a cluster with two control plane nodes and two workers."""
    return examples.a_hop()


@pytest.fixture
def facts_of(hop):
    """The facts of a node, by its name, before anything has happened."""
    return functools.partial(examples.facts_of, hop)
