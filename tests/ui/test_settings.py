"""The server's settings: their defaults, their values from the environment, their refusals."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
import streamlit as st
from platformdirs import user_data_path
from streamlit.testing.v1 import AppTest

from nn import RECIPES
from ui import session, settings
from ui.scheduler.limits import Limits, TooWideError
from ui.settings import Settings, SettingsError, read

ROOT = Path(__file__).parents[2]


def test_by_default_runs_are_kept_in_the_users_data_folder() -> None:
    found = read({"PATH": "/usr/bin", "DIGITLAB": "not ours"})
    assert found == Settings()
    assert found.database is not None
    file = Path(found.database.removeprefix("sqlite:///"))
    assert file.is_relative_to(user_data_path())
    assert file.name == "runs.sqlite3"
    assert (found.worker, found.limits()) == ("thread", Limits())
    assert (found.kept_runs, found.kept_megabytes) == (50, 100)


def test_every_setting_can_be_given() -> None:
    given = {
        "database": "sqlite:////srv/runs.sqlite3",
        "worker": "process",
        "learners": "7",
        "learners_a_visitor": "3",
        "hidden_units": "600",
        "visitor_megabytes": "90",
        "kept_runs": "8",
        "kept_megabytes": "9",
    }
    found = read({f"DIGIT_LAB_{name.upper()}": f" {text} " for name, text in given.items()})
    assert {name: str(value) for name, value in dataclasses.asdict(found).items()} == given
    limits = Limits(learners=7, learners_a_visitor=3, hidden_units=600, visitor_bytes=90_000_000)
    assert found.limits() == limits
    assert given.keys() == {option.name for option in dataclasses.fields(Settings)}


@pytest.mark.parametrize("text", ["", "off", "OFF", " "])
def test_one_setting_turns_keeping_off(text: str) -> None:
    assert read({"DIGIT_LAB_DATABASE": text}).database is None


@pytest.mark.parametrize(
    "url",
    ["sqlite:///runs.db", "sqlite+pysqlite:////srv/r.db", "sqlite:///file:/srv/r?mode=ro&uri=true"],
)
def test_any_url_of_an_sqlite_file_will_do(url: str) -> None:
    assert read({"DIGIT_LAB_DATABASE": url}).database == url


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("DATABASE", "runs.sqlite3", r"expected sqlite:/// and a file, .*got 'runs.sqlite3'"),
        ("DATABASE", "postgresql://host/digits", "expected sqlite:/// and a file"),
        ("DATABASE", "sqlite://", "expected sqlite:/// and a file"),
        ("DATABASE", "sqlite:///", "expected sqlite:/// and a file"),
        ("DATABASE", "sqlite:///:memory:", "expected sqlite:/// and a file"),
        ("DATABASE", "sqlite:///file:x?mode=memory&uri=true", "expected sqlite:/// and a file"),
        ("WORKER", "thraed", "expected thread or process, got 'thraed'"),
        ("WORKER", "", "expected thread or process, got ''"),
        ("LEARNERS", "0", "expected a whole number from 1 to 1,000, got 0"),
        ("LEARNERS", "1001", "expected a whole number from 1 to 1,000, got 1001"),
        ("LEARNERS", "4.5", "got '4.5'"),
        ("LEARNERS", "-3", "got '-3'"),
        ("LEARNERS", "٣", "got '٣'"),
        ("KEPT_RUNS", "9" * 5000, "expected a whole number from 1 to 10,000"),
        ("KEPT_MEGABYTES", "many", "expected a whole number from 1 to 100,000, got 'many'"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=f"^DIGIT_LAB_{name}: .*{says}"):
        read({f"DIGIT_LAB_{name}": text})


def test_a_misspelt_setting_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"^DIGIT_LAB_DATABSE: expected one of DIGIT_LAB_DATAB"):
        read({"DIGIT_LAB_DATABSE": "off"})


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGIT_LAB_LEARNERS", "3")
    settings.current.cache_clear()
    try:
        assert settings.current().learners == 3
        monkeypatch.setenv("DIGIT_LAB_LEARNERS", "4")
        assert settings.current().learners == 3
    finally:
        settings.current.cache_clear()


def test_the_settings_know_no_page_and_no_database() -> None:
    code = (
        "import sys; from ui import settings; settings.current(); "
        "print(sorted({'streamlit', 'sqlalchemy'} & sys.modules.keys()))"
    )
    environment = {**os.environ, "DIGIT_LAB_DATABASE": "off"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_a_wrong_setting_is_a_sentence_on_the_page_and_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DIGIT_LAB_WORKER", "thraed")
    settings.current.cache_clear()
    try:
        page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
    finally:
        settings.current.cache_clear()
    says = "DIGIT_LAB_WORKER: expected thread or process, got 'thraed'"
    assert [error.value for error in page.error] == [
        f"This server is set up wrongly. {says}. Set it right, then start the server again."
    ]
    assert not page.exception
    assert not page.button
    assert says in caplog.text


def test_the_servers_learners_keep_to_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGIT_LAB_HIDDEN_UNITS", "100")
    settings.current.cache_clear()
    st.cache_resource.clear()
    try:
        everyone = session.learners()
        with pytest.raises(TooWideError) as refusal:
            everyone.start(RECIPES["adam"], seed=0)
        everyone.close()
    finally:
        settings.current.cache_clear()
        st.cache_resource.clear()
    assert (refusal.value.asked, refusal.value.allowed) == (128, 100)
