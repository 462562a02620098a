"""What can go wrong with PostgreSQL: each gives one message, without the password, in seconds."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import unquote

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from streamlit.testing.v1 import AppTest

from tests.helpers import shown
from tests.ui.postgres import PASSWORD, Postgres, free_port
from ui import config, database
from ui.storage import Store, StoreError
from ui.training.snapshot import Snapshot

UNREACHABLE = r"^The database postgres cannot be reached: .*start PostgreSQL, or correct the host"


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new_database()


@pytest.fixture
def store(url: str) -> Store:
    return Store(url, busy_seconds=0.1)


def requests(store: Store, run: Snapshot) -> list[Callable[[], object]]:
    """All that can be asked of a store, with anna's only run as number 1."""
    return [
        lambda: store.list("anna"),
        lambda: store.load("anna", 1),
        lambda: store.keep("anna", "second", run),
        lambda: store.rename("anna", 1, "renamed"),
        lambda: store.delete("anna", 1),
    ]


@contextmanager
def connection_to(url: str) -> Iterator[psycopg.Connection]:
    """Another program's connection, outside of transactions."""
    address = url.replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


def test_both_names_of_the_driver_are_understood(url: str, finished: Snapshot) -> None:
    Store(url).keep("anna", "first", finished)
    named = url.replace("postgresql://", "postgresql+psycopg://")
    assert [of.name for of in Store(named).list("anna")] == ["first"]


def test_a_server_that_stops_is_told_and_works_when_it_is_back(
    postgres: Postgres, store: Store, finished: Snapshot
) -> None:
    store.keep("anna", "first", finished)
    with postgres.stopped():
        for request in requests(store, finished):
            with pytest.raises(StoreError, match=UNREACHABLE):
                request()
    assert [of.name for of in store.list("anna")] == ["first"]
    store.keep("anna", "second", finished)


def test_a_server_that_stops_within_a_transaction_undoes_it(
    postgres: Postgres, url: str, store: Store, finished: Snapshot
) -> None:
    store.keep("anna", "first", finished)
    transaction = database.connect(url).transaction("anna")
    session = transaction.__enter__()
    session.execute(text("DELETE FROM runs"))
    with postgres.stopped():
        try:
            session.execute(text("SELECT 1"))
        except DBAPIError as error:
            with pytest.raises(StoreError, match=UNREACHABLE):
                transaction.__exit__(type(error), error, error.__traceback__)
    assert [of.name for of in store.list("anna")] == ["first"]


def test_a_server_that_gives_no_answer_is_given_up(url: str) -> None:
    start = time.monotonic()
    with (
        pytest.raises(StoreError, match=r"cannot be reached: no answer for 2\.1 s"),
        database.connect(url, busy_seconds=0.1).transaction() as session,
    ):
        session.execute(text("SELECT pg_sleep(60)"))
    assert time.monotonic() - start < 10


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_server_that_accepts_no_connection_is_given_up(postgres: Postgres, store: Store) -> None:
    server = int((postgres.data / "postmaster.pid").read_text().split()[0])
    start = time.monotonic()
    os.kill(server, signal.SIGSTOP)
    try:
        with pytest.raises(StoreError, match=UNREACHABLE):
            store.list("anna")
    finally:
        os.kill(server, signal.SIGCONT)
    assert time.monotonic() - start < 10
    assert store.list("anna") == ()


def test_a_wrong_password_is_told_but_not_shown(
    postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "not%40the:right/one"
    store = Store(postgres.url(password=wrong))
    with pytest.raises(StoreError, match='password authentication failed for user "digits"') as got:
        store.list("anna")
    told = "".join(traceback.format_exception(got.value)) + caplog.text
    assert "password authentication failed" in caplog.text
    assert not [secret for secret in (wrong, unquote(wrong), PASSWORD) if secret in told]


def test_where_nobody_listens_the_page_goes_on(
    open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://digits:secret@127.0.0.1:{free_port()}/kept"
    monkeypatch.setenv("DIGIT_LAB_DATABASE", url)
    config.current.cache_clear()
    page = open_page(panel="PANEL_RUNS").run()
    assert not page.exception
    assert not page.error
    [warning] = shown(page.warning)
    assert "The database kept cannot be reached" in warning
    assert "Connection refused" in warning
    assert "secret" not in warning


def test_a_host_that_does_not_exist_is_told() -> None:
    with pytest.raises(StoreError, match=r"^The database kept cannot be reached"):
        Store("postgresql://digits:secret@nowhere.invalid/kept").list("anna")


def test_a_database_that_does_not_exist_is_told(postgres: Postgres) -> None:
    with pytest.raises(StoreError, match=r'^The database nil .*database "nil" does not exist'):
        Store(postgres.url(database="nil")).list("anna")


def test_without_psycopg_the_message_says_what_to_install(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "ui.postgresql", raising=False)
    with pytest.raises(StoreError, match=r"pip install -r requirements-cluster\.txt"):
        Store(url)


@pytest.mark.parametrize(
    "query",
    [
        "?nonsense=1",
        "?autocommit=true",
        "?row_factory=x",
        "?port=none",
        "?sslmode=perhaps",
        "?options=-c%20nonsense",
        "?options=-c%20nonsense%3D1",
        "?plugin=nonsense",
        "?connect_timeout=soon",
    ],
)
def test_an_option_that_is_unknown_or_wrong_is_told(postgres: Postgres, query: str) -> None:
    with pytest.raises(StoreError, match="DIGIT_LAB_DATABASE") as got:
        Store(postgres.url(query=query)).list("anna")
    assert PASSWORD not in str(got.value)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://digits:secret@host/kept",
        "nonsense:///secret",
        "mysql+pymysql://digits:secret@host/kept",
        "postgresql+psycopg2://digits:secret@host/kept",
        "postgresql://digits:secret@host:port/kept",
        "postgresql://digits:sec@secret@host/kept",
        "postgresql:digits:secret@host/kept",
        "postgresql://digits:secret",
    ],
)
def test_another_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(StoreError, match=r"kept at [a-z+2]+:….*or postgresql://USER:PASS") as got:
        Store(url)
    assert "secret" not in "".join(traceback.format_exception(got.value))


def test_a_visitor_waits_for_their_own_changes_only(
    url: str, store: Store, finished: Snapshot
) -> None:
    store.keep("anna", "first", finished)
    with database.connect(url).transaction("anna"):
        with pytest.raises(StoreError, match="Another program is writing to postgres right now"):
            store.keep("anna", "second", finished)
        assert [of.name for of in store.list("anna")] == ["first"]
        store.keep("bert", "his", finished)
    store.keep("anna", "second", finished)


def test_a_locked_table_is_told(url: str, store: Store, finished: Snapshot) -> None:
    store.keep("anna", "first", finished)
    with connection_to(url) as other, other.transaction():
        other.execute("LOCK TABLE runs")
        for request in requests(store, finished):
            with pytest.raises(StoreError, match="Another program is writing to postgres right"):
                request()
    assert [of.name for of in store.list("anna")] == ["first"]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("CREATE TABLE runs (flour INT)", r"is not a database of kept runs\. It was not touched"),
        ("CREATE TABLE digit_lab (flour INT)", 'column "version" does not exist'),
        ("CREATE TABLE digit_lab (version INT)", "is not a database of kept runs"),
        ("CREATE TABLE digit_lab AS SELECT 7 AS version", r"newer version .*\(7; this one supp"),
    ],
)
def test_the_tables_of_another_program_are_refused_untouched(
    url: str, store: Store, finished: Snapshot, spoil: str, says: str
) -> None:
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    with connection_to(url) as other:
        other.execute(spoil)
        before = other.execute(tables).fetchall()
        for request in requests(store, finished):
            with pytest.raises(StoreError, match=says):
                request()
        assert other.execute(tables).fetchall() == before


def test_a_user_who_may_only_read_is_told_when_they_write(
    url: str, store: Store, finished: Snapshot
) -> None:
    store.keep("anna", "first", finished)
    reads = Store(f"{url}%20-cdefault_transaction_read_only%3Don")
    assert [of.name for of in reads.list("anna")] == ["first"]
    with pytest.raises(StoreError, match="read-only transaction"):
        reads.keep("anna", "second", finished)
