"""Who trains: what each value of the setting starts, and what a wrong one says."""

from __future__ import annotations

import sys

import pytest

from ui import data
from ui.training.scheduler import Scheduler
from ui.training.trainers import trainers


def test_a_thread_trains_unless_a_setting_says_otherwise() -> None:
    found = trainers("thread", data.mnist)
    assert isinstance(found, Scheduler)
    assert found.trouble == ""
    found.close()


@pytest.mark.parametrize(
    "setting",
    [
        "-1",
        "0",
        "257",
        "many",
        "²",
        "",
        "tcp://",
        "tcp://host",
        "udp://host:1",
        "tcp://u@h:1",
        "9" * 99,
    ],
)
def test_a_wrong_setting_is_named_and_a_thread_trains(setting: str) -> None:
    found = trainers(setting, data.mnist)
    assert isinstance(found, Scheduler)
    assert found.trouble.startswith("DIGIT_LAB_TRAINERS: expected thread, auto")
    assert repr(setting) in found.trouble
    found.close()


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed.security", None)
    found = trainers("2", data.mnist)
    assert "requirements-cluster.txt" in found.trouble
    found.close()


def test_a_missing_certificate_is_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("distributed", reason="needs pip install -r requirements-cluster.txt")
    (tmp_path / "ca.pem").touch()
    found = trainers("tls://host:1", data.mnist, tls=(str(tmp_path / "ca.pem"), "none.pem", ""))
    assert "DIGIT_LAB_TLS_CERT: expected a file in PEM" in found.trouble
    assert "'none.pem'" in found.trouble
    found.close()
