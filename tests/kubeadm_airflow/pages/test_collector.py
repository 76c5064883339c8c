"""The collector rests while anybody makes a board, and works again afterwards, whatever happened."""

from __future__ import annotations

import gc

import pytest

from kubeadm_airflow.pages import collector


def test_it_rests_until_the_last_one_has_ended():
    with collector.paused():
        with collector.paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_works_again_after_a_failure():
    with pytest.raises(ZeroDivisionError), collector.paused():
        1 / 0  # noqa: B018
    assert gc.isenabled()
