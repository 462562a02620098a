"""The server's settings: defaults, values from the environment, and rejected values."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
import streamlit as st
from platformdirs import user_data_path

from nn import RECIPES
from tests.helpers import shown
from tests.ui.visitor import new_page
from ui import config
from ui.config import Config, ConfigError, read
from ui.page import visit
from ui.training.limits import LimitError, Limits

ROOT = Path(__file__).parents[2]


def test_by_default_runs_are_kept_in_the_users_data_folder() -> None:
    found = read({"PATH": "/usr/bin", "DIGITLAB": "not ours"})
    assert found == Config()
    assert found.database is not None
    file = Path(found.database.removeprefix("sqlite:///"))
    assert file.is_relative_to(user_data_path())
    assert file.name == "runs.sqlite3"
    assert found.limits() == Limits()
    assert (found.kept_runs, found.kept_megabytes) == (50, 100)


def test_every_setting_can_be_given() -> None:
    given = {
        "database": "sqlite:////srv/runs.sqlite3",
        "trainers": "2",
        "tls_ca": "ca.pem",
        "tls_cert": "page.pem",
        "tls_key": "page-key.pem",
        "runs": "7",
        "runs_per_visitor": "3",
        "hidden_units": "600",
        "training_images": "90000",
        "server_megabytes": "800",
        "kept_runs": "8",
        "kept_megabytes": "9",
        "rooms": "5",
        "room_password": "a secret",
        "room_phones": "30",
        "phone_drawings": "20",
        "drawing_bytes": "5000",
        "drawings_per_second": "2",
        "phones_per_second": "7",
        "behind_proxy": "yes",
    }
    found = read({f"DIGIT_LAB_{name.upper()}": f" {text} " for name, text in given.items()})
    assert {name: str(value) for name, value in dataclasses.asdict(found).items()} == given
    limits = Limits(
        runs=7,
        runs_per_visitor=3,
        hidden_units=600,
        training_images=90_000,
        server_bytes=800_000_000,
    )
    assert found.limits() == limits
    assert given.keys() == {option.name for option in dataclasses.fields(Config)}


@pytest.mark.parametrize("text", ["", "off", "OFF", " "])
def test_the_database_can_be_turned_off(text: str) -> None:
    assert read({"DIGIT_LAB_DATABASE": text}).database is None


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///runs.db",
        "sqlite+pysqlite:////srv/r.db",
        "sqlite:///file:/srv/r?mode=ro&uri=true",
        "postgresql://me:secret@host/digits",
        "postgresql+psycopg://me:secret@host:5432/digits?sslmode=require",
    ],
)
def test_any_url_of_an_sqlite_file_or_of_postgresql_is_allowed(url: str) -> None:
    assert read({"DIGIT_LAB_DATABASE": url}).database == url


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("DATABASE", "runs.sqlite3", r"expected sqlite:/// and a file, .*got 'runs.sqlite3'"),
        ("DATABASE", "mysql://me:secret@host/digits", r"or postgresql://USER.*; got 'mysql:…'$"),
        ("DATABASE", "postgresql:me:secret@host/digits", r"or off; got 'postgresql:…'$"),
        ("DATABASE", "sqlite://", "expected sqlite:/// and a file"),
        ("DATABASE", "sqlite:///", "expected sqlite:/// and a file"),
        ("DATABASE", "sqlite:///:memory:", "expected sqlite:/// and a file"),
        ("DATABASE", "sqlite:///file:x?mode=memory&uri=true", "expected sqlite:/// and a file"),
        ("WORKER", "process", "use DIGIT_LAB_TRAINERS instead"),
        ("LEARNERS", "40", "use DIGIT_LAB_RUNS instead"),
        ("LEARNERS_A_VISITOR", "6", "use DIGIT_LAB_RUNS_PER_VISITOR instead"),
        ("VISITOR_MEGABYTES", "256", "DIGIT_LAB_SERVER_MEGABYTES is the one limit"),
        ("RUNS", "0", "expected a whole number from 1 to 1,000, got 0"),
        ("RUNS", "1001", "expected a whole number from 1 to 1,000, got 1001"),
        ("RUNS", "4.5", "got '4.5'"),
        ("RUNS", "-3", "got '-3'"),
        ("RUNS", "٣", "got '٣'"),
        ("KEPT_RUNS", "9" * 5000, "expected a whole number from 1 to 10,000"),
        ("KEPT_MEGABYTES", "many", "expected a whole number from 1 to 100,000, got 'many'"),
    ],
)
def test_an_invalid_value_is_rejected_by_name(name: str, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=f"^DIGIT_LAB_{name}.*{says}"):
        read({f"DIGIT_LAB_{name}": text})


def test_a_misspelt_setting_is_rejected_with_a_list_of_all() -> None:
    with pytest.raises(ConfigError, match=r"^DIGIT_LAB_DATABSE: expected one of DIGIT_LAB_DATAB"):
        read({"DIGIT_LAB_DATABSE": "off"})


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGIT_LAB_RUNS", "3")
    config.current.cache_clear()
    try:
        assert config.current().runs == 3
        monkeypatch.setenv("DIGIT_LAB_RUNS", "4")
        assert config.current().runs == 3
    finally:
        config.current.cache_clear()


def test_the_settings_import_neither_the_page_nor_the_database() -> None:
    code = (
        "import sys; from ui import config; config.current(); "
        "print(sorted({'streamlit', 'sqlalchemy'} & sys.modules.keys()))"
    )
    environment = {**os.environ, "DIGIT_LAB_DATABASE": "off"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (
            "DIGIT_LAB_RUNS",
            "many",
            "DIGIT_LAB_RUNS: expected a whole number from 1 to 1,000, got 'many'",
        ),
        (
            "DIGIT_LAB_DATABASE",
            "sqlite:///runs.sqlite3?timeout=soon",
            (
                "Runs cannot be kept at sqlite:///runs.sqlite3?timeout=soon: expected sqlite:/// "
                "and a file, or postgresql://USER:PASSWORD@HOST/DATABASE, with options that the "
                "database knows. Set DIGIT_LAB_DATABASE to such a URL, or to off"
            ),
        ),
    ],
)
def test_an_invalid_setting_is_a_message_on_the_page_and_in_the_log(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    text: str,
    says: str,
) -> None:
    monkeypatch.setenv(name, text)
    config.current.cache_clear()
    try:
        page = new_page().run()
    finally:
        config.current.cache_clear()
    assert shown(page.error) == [
        f"Invalid server configuration: {says}. Correct it, then restart the server."
    ]
    assert not page.exception
    assert not page.button
    assert says in caplog.text


def test_the_servers_training_runs_keep_to_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGIT_LAB_HIDDEN_UNITS", "100")
    config.current.cache_clear()
    st.cache_resource.clear()
    try:
        everyone = visit.scheduler()
        with pytest.raises(LimitError) as refusal:
            everyone.start(RECIPES["adam"], seed=0, visitor="ada")
        everyone.close()
    finally:
        config.current.cache_clear()
        st.cache_resource.clear()
    assert (refusal.value.asked, refusal.value.allowed) == (128, 100)
