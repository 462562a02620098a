"""Kept runs: loaded as they were saved, by their visitor only, under threads and processes.

All of it in SQLite and in PostgreSQL.
"""

from __future__ import annotations

import json
import math
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import NullPool, create_engine, inspect, text

from nn import Dataset
from ui import database
from ui.hand import packed
from ui.storage import Kept, Store, StoreError
from ui.training.snapshot import Mark, Snapshot, State

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite3"


@pytest.fixture
def store(url: str) -> Store:
    return Store(url)


@pytest.fixture
def run(finished: Snapshot) -> Snapshot:
    """A finished run with every field of a snapshot set."""
    run = finished
    assert all((run.points, run.batches, run.layers, run.best_epoch, run.step, run.seconds))
    assert [mark.field for mark in run.marks] == ["learning_rate"]
    return replace(run, marks=(*run.marks, Mark(2.0, "batch_size", 20, None)))


@pytest.fixture
def old_file(file: Path, run: Snapshot) -> Iterator[Path]:
    """An SQLite file with one run."""
    Store(f"sqlite:///{file}").keep("anna", "first", run)
    yield file
    with closing(sqlite3.connect(file)) as connection:  # the test must not have damaged it
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def change(url: str, statement: str, **values: object) -> None:
    """Change a database without the store."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text(statement), values)


def edit(url: str, column: str, how: Callable[[dict], object], run_id: int) -> None:
    """Change the JSON of a kept run in place."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        found = connection.execute(
            text(f"SELECT {column} FROM runs WHERE id = :id"), {"id": run_id}
        ).scalar_one()
        saved = json.loads(found)
        how(saved)
        connection.execute(
            text(f"UPDATE runs SET {column} = :saved WHERE id = :id"),
            {"saved": json.dumps(saved), "id": run_id},
        )


def test_a_run_comes_back_as_it_was(store: Store, run: Snapshot) -> None:
    found = store.load("anna", store.keep("anna", "first", run))
    assert run.network is not None
    assert found.network is not None
    assert found.network is not run.network
    x = np.random.default_rng(0).random((20, 784), np.float32)
    np.testing.assert_array_equal(found.network.predict_proba(x), run.network.predict_proba(x))
    assert found.test is not None
    assert run.test is not None
    np.testing.assert_array_equal(found.test.confusion, run.test.confusion)
    assert (found.test.loss, found.test.accuracy) == (run.test.loss, run.test.accuracy)
    assert len(found.points) > 4
    theirs = {"network": None, "test": None, "moments": (), "seconds_left": None}
    theirs |= {"running": 0, "share": 0.0}
    assert replace(found, **theirs) == replace(run, **theirs)


def test_a_list_has_the_figures_of_each_run(store: Store, run: Snapshot) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    first = store.keep("anna", "  the\nfirst\u200b ", run)
    second = store.keep("anna", "second", replace(run, test=None, seed=2**200))
    kept = store.list("anna")
    assert [(of.id, of.name) for of in kept] == [(first, "the first"), (second, "second")]
    assert before < kept[0].created < datetime.now(UTC) + timedelta(seconds=1)
    assert (kept[0].recipe, kept[0].seed, kept[1].seed) == (run.recipe, 11, 2**200)
    assert (kept[0].epochs, kept[0].seconds) == (4, run.seconds)
    assert kept[0].loss == run.points[-1].loss
    validated = [p.validation_accuracy for p in run.points if p.validation_accuracy is not None]
    assert kept[0].validation_accuracy == max(validated)
    assert run.test is not None
    assert (kept[0].test_accuracy, kept[1].test_accuracy) == (run.test.accuracy, None)
    assert kept[0].size > 20_000


def test_a_list_reads_no_curves_and_no_checkpoint(store: Store, url: str, run: Snapshot) -> None:
    store.keep("anna", "first", run)
    change(url, "UPDATE runs SET curves = 'none', checkpoint = :raw", raw=b"\0")
    assert [of.name for of in store.list("anna")] == ["first"]


def test_nobody_reaches_the_runs_of_another(store: Store, run: Snapshot) -> None:
    kept = store.keep("anna", "first", run)
    assert store.list("bert") == ()
    for reach in (
        lambda: store.load("bert", kept),
        lambda: store.rename("bert", kept, "mine"),
        lambda: store.delete("bert", kept),
    ):
        with pytest.raises(StoreError, match="no longer kept"):
            reach()
    assert [of.name for of in store.list("anna")] == ["first"]
    with pytest.raises(ValueError, match="owner: expected a visitor's token"):
        store.keep("", "nobody's", run)


def test_a_run_is_renamed_and_deleted(store: Store, run: Snapshot) -> None:
    first, second = store.keep("anna", "first", run), store.keep("anna", "second", run)
    store.rename("anna", first, "renamed")
    store.delete("anna", second)
    assert [of.name for of in store.list("anna")] == ["renamed"]
    with pytest.raises(StoreError, match="no longer kept"):
        store.load("anna", second)
    assert store.keep("anna", "third", run) not in (first, second)


@pytest.mark.parametrize("name", ["", " \n ", "x" * 61])
def test_a_name_is_short_and_not_empty(store: Store, run: Snapshot, name: str) -> None:
    kept = store.keep("anna", "x" * 60, run)
    for give in (lambda: store.keep("anna", name, run), lambda: store.rename("anna", kept, name)):
        with pytest.raises(StoreError, match=r"expected 1 to 60 characters, got (0|61)\."):
            give()
    assert [of.name for of in store.list("anna")] == ["x" * 60]


def test_a_run_without_a_network_is_refused(store: Store, run: Snapshot) -> None:
    with pytest.raises(StoreError, match="learned nothing yet"):
        store.keep("anna", "first", replace(run, network=None))
    assert store.list("anna") == ()


@pytest.mark.parametrize(
    ("state", "back"),
    [(State.RUNNING, State.PAUSED), (State.PAUSED, State.PAUSED), (State.FAILED, State.FAILED)],
)
def test_a_run_that_did_not_finish_says_so(
    store: Store, run: Snapshot, state: State, back: State
) -> None:
    points = (*run.points[:5], replace(run.points[5], loss=math.nan))
    half = replace(run, state=state, points=points, test=None, epoch=1)
    kept = store.keep("anna", "half", half)
    found = store.load("anna", kept)
    assert (found.state, found.epoch) == (back, 1)
    assert math.isnan(found.points[-1].loss)
    assert store.list("anna")[0].loss is None


def test_no_file_is_made_before_a_run_is_kept(tmp_path: Path, run: Snapshot) -> None:
    store = Store(f"sqlite:///{tmp_path}/not/yet/runs.sqlite3")
    assert store.list("anna") == ()
    with pytest.raises(StoreError, match="no longer kept"):
        store.load("anna", 1)
    assert list(tmp_path.iterdir()) == []
    store.keep("anna", "first", run)  # creates the folders
    assert [path.name for path in (tmp_path / "not" / "yet").iterdir()] == ["runs.sqlite3"]


def test_the_number_of_runs_a_visitor_keeps_is_limited(url: str, run: Snapshot) -> None:
    store = Store(url, max_runs=2)
    kept = [store.keep("anna", "of two", run) for _ in range(2)]
    with pytest.raises(StoreError, match="You keep 2 runs, the most this server"):
        store.keep("anna", "third", run)
    store.keep("bert", "first", run)
    store.delete("anna", kept[0])
    store.keep("anna", "third", run)
    assert len(store.list("anna")) == 2


def test_the_size_of_a_visitors_runs_is_limited(url: str, run: Snapshot) -> None:
    Store(url).keep("anna", "first", run)
    size = Store(url).list("anna")[0].size
    store = Store(url, max_bytes=2 * size + 200)
    store.keep("anna", "other", run)
    with pytest.raises(StoreError, match=r"needs 0\.\d MB, but you keep 0\.\d MB of the 0\.\d MB"):
        store.keep("anna", "third", run)
    assert len(store.list("anna")) == 2


def test_threads_keep_side_by_side_and_never_above_the_limit(url: str, run: Snapshot) -> None:
    ready = threading.Barrier(4)

    def keep(visitor: int) -> int:
        store = Store(url, max_runs=12, busy_seconds=30)
        ready.wait()  # several stores create the table at once
        done = 0
        for _ in range(5):
            try:
                store.keep("anna" if visitor else "bert", f"of {visitor}", run)
                done += 1
            except StoreError as error:
                assert "the most this server" in str(error)  # noqa: PT017
        return done

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(keep, range(4)))
    assert (done[0], sum(done[1:])) == (5, 12)
    store = Store(url)
    assert (len(store.list("bert")), len(store.list("anna"))) == (5, 12)


def test_two_processes_keep_in_one_database(url: str, run: Snapshot) -> None:
    code = (
        "import sys; from dataclasses import replace; from ui.storage import Store\n"
        "store = Store(sys.argv[1], busy_seconds=30); run = store.load('anna', 1)\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for i in range(8): store.keep('anna', f'theirs {i}', run)\n"
    )
    store = Store(url, busy_seconds=30)
    store.keep("anna", "first", run)
    other = subprocess.Popen(
        [sys.executable, "-c", code, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "ready\n"
        other.stdin.write("go\n")
        other.stdin.close()
        for i in range(8):
            store.keep("anna", f"ours {i}", run)
    assert other.returncode == 0
    names = [of.name for of in store.list("anna")]
    assert sorted(names) == sorted(
        ["first", *(f"ours {i}" for i in range(8)), *(f"theirs {i}" for i in range(8))]
    )


def test_a_server_that_is_killed_while_it_keeps_loses_nothing(url: str, run: Snapshot) -> None:
    store = Store(url, max_runs=10_000, busy_seconds=30)
    printed = [store.keep("anna", "first", run)]
    code = (
        "import sys; from ui.storage import Store\n"
        "store = Store(sys.argv[1], max_runs=10_000); run = store.load('anna', 1)\n"
        "while True: print(store.keep('anna', 'more', run), flush=True)\n"
    )
    for _ in range(3):
        other = subprocess.Popen(
            [sys.executable, "-c", code, url],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        with other:
            assert other.stdout is not None
            printed += [int(other.stdout.readline()) for _ in range(4)]
            other.kill()
            printed += [int(line) for line in other.stdout if line.endswith("\n")]
        store.rename("anna", 1, "first")  # waits until PostgreSQL has ended what was under way
        kept = [of.id for of in store.list("anna")]
        # The last one may have been kept but not printed.
        assert set(printed) <= set(kept) <= {*printed, max(printed) + 1}
        printed = kept
    assert len(printed) >= 13
    for of in store.list("anna"):
        assert store.load("anna", of.id).points == run.points


# The table and its versions.

VERSION_1 = (
    """
    CREATE TABLE runs (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        owner VARCHAR NOT NULL,
        name VARCHAR NOT NULL,
        created DATETIME NOT NULL,
        recipe VARCHAR NOT NULL,
        seed VARCHAR NOT NULL,
        epochs INTEGER NOT NULL,
        seconds DOUBLE NOT NULL,
        loss DOUBLE,
        validation_accuracy DOUBLE,
        test_accuracy DOUBLE,
        size INTEGER NOT NULL,
        curves VARCHAR NOT NULL,
        checkpoint BLOB NOT NULL
    )
    """,
    "CREATE INDEX ix_runs_owner ON runs (owner)",
    "PRAGMA user_version = 1",
    f"PRAGMA application_id = {database.APPLICATION}",
)


def test_a_file_of_version_1_is_read_and_written(file: Path, run: Snapshot) -> None:
    """As the program made them before it created the table from its model."""
    with closing(sqlite3.connect(file)) as connection:
        for statement in VERSION_1:
            connection.execute(statement)
    store = Store(f"sqlite:///{file}")
    assert store.list("anna") == ()
    assert store.load("anna", store.keep("anna", "first", run)).points == run.points


def test_a_file_of_version_1_gets_the_tables_of_a_new_one(file: Path, old_file: Path) -> None:
    def tables(file: Path) -> dict[str, object]:
        found = inspect(create_engine(f"sqlite:///{file}", poolclass=NullPool))
        return {
            name: (
                [(it["name"], it["nullable"]) for it in found.get_columns(name)],
                found.get_indexes(name),
                found.get_pk_constraint(name)["constrained_columns"],
                [it["column_names"] for it in found.get_unique_constraints(name)],
            )
            for name in found.get_table_names()
        }

    former = file.with_name("former.sqlite3")
    with closing(sqlite3.connect(former)) as connection:
        for statement in VERSION_1:
            connection.execute(statement)
    Store(f"sqlite:///{former}").list("anna")
    assert tables(old_file) == tables(former)
    assert tables(former).keys() >= {"runs", "rooms", "phones", "drawings", "entries"}


def test_what_was_taught_is_kept_with_its_drawings(
    store: Store, url: str, run: Snapshot, mnist: tuple[Dataset, Dataset]
) -> None:
    drawings = mnist[1][:12]
    taught = replace(run, drawings=drawings)
    plain, with_drawings = store.keep("anna", "plain", run), store.keep("anna", "taught", taught)
    assert store.load("anna", plain).drawings is None
    found = store.load("anna", with_drawings).drawings
    assert np.array_equal(found.images, drawings.images)
    assert np.array_equal(found.labels, drawings.labels)
    sizes = {of.id: of.size for of in store.list("anna")}
    assert sizes[with_drawings] - sizes[plain] == pytest.approx(len(packed(drawings)), abs=20)
    change(url, "UPDATE runs SET drawings = 'none'")
    with pytest.raises(StoreError, match="run taught cannot be read"):
        store.load("anna", with_drawings)


def migrate(monkeypatch: pytest.MonkeyPatch, *statements: str) -> None:
    """Make this program one of the next version, which migrates by these statements."""
    monkeypatch.setattr(database, "MIGRATIONS", (*database.MIGRATIONS, statements))
    monkeypatch.setattr(database, "VERSION", database.VERSION + 1)


def test_an_older_database_is_migrated_once(
    store: Store, url: str, run: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.keep("anna", "first", run)
    migrate(monkeypatch, "UPDATE runs SET name = name || ', migrated'")
    for _ in range(2):
        assert [of.name for of in store.list("anna")] == ["first, migrated"]
    assert Store(url).list("anna") == store.list("anna")
    monkeypatch.undo()
    with pytest.raises(StoreError, match=r"newer version .*\(4; this one supports 3\)"):
        store.list("anna")


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadPoolExecutor]:
    """Threads whose stores all find that they must migrate before the first of them does."""
    ready, begin = threading.Barrier(4), database.Database._migrate

    def together(self: database.Database) -> None:
        ready.wait()
        begin(self)

    monkeypatch.setattr(database.Database, "_migrate", together)
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_stores_that_start_at_once_create_the_table_once(
    url: str, run: Snapshot, at_once: ThreadPoolExecutor
) -> None:
    def keep(name: str) -> int:
        return Store(url, busy_seconds=30).keep("anna", name, run)

    assert sorted(at_once.map(keep, "abcd")) == [1, 2, 3, 4]
    assert sorted(of.name for of in Store(url).list("anna")) == ["a", "b", "c", "d"]


def test_stores_that_start_at_once_migrate_once(
    url: str,
    store: Store,
    run: Snapshot,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    store.keep("anna", "first", run)
    migrate(monkeypatch, "UPDATE runs SET name = name || ', migrated'")

    def first_look(_: int) -> list[str]:
        return [of.name for of in Store(url, busy_seconds=30).list("anna")]

    at_once: ThreadPoolExecutor = request.getfixturevalue("at_once")
    assert list(at_once.map(first_look, range(4))) == [["first, migrated"]] * 4


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    store: Store, url: str, run: Snapshot, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.keep("anna", "first", run)
    before = file.exists() and file.read_bytes()
    with monkeypatch.context() as patch:
        steps = ("ALTER TABLE runs ADD COLUMN note VARCHAR", "UPDATE runs SET nonsense = 1")
        migrate(patch, *steps)
        with pytest.raises(StoreError, match=r"cannot be reached: .*nonsense"):
            store.list("anna")
    assert (file.exists() and file.read_bytes()) == before
    columns = inspect(create_engine(url, poolclass=NullPool)).get_columns("runs")
    assert "note" not in [column["name"] for column in columns]
    assert [of.name for of in store.list("anna")] == ["first"]


def test_a_newer_file_is_refused_untouched(old_file: Path, run: Snapshot) -> None:
    store = Store(f"sqlite:///{old_file}")
    change(f"sqlite:///{old_file}", "PRAGMA user_version = 7")
    before = old_file.read_bytes()
    for use in (lambda: store.list("anna"), lambda: store.keep("anna", "second", run)):
        with pytest.raises(StoreError, match=r"newer version .*\(7; this one supports 3\).*update"):
            use()
    assert old_file.read_bytes() == before
    assert [path.name for path in old_file.parent.iterdir()] == [old_file.name]


def test_a_run_with_fields_of_a_newer_version_hides_no_other(
    url: str, store: Store, run: Snapshot
) -> None:
    strange, whole = store.keep("anna", "strange", run), store.keep("anna", "whole", run)
    edit(url, "recipe", lambda saved: saved.update(convolutions=3), strange)
    kept: tuple[Kept, ...] = store.list("anna")
    assert [(of.name, of.recipe) for of in kept] == [("strange", None), ("whole", run.recipe)]
    with pytest.raises(StoreError, match=r"run strange cannot be read: .*newer version"):
        store.load("anna", strange)
    assert store.load("anna", whole).recipe == run.recipe


def test_curves_of_an_earlier_version_come_back_with_defaults(
    url: str, store: Store, run: Snapshot
) -> None:
    kept = store.keep("anna", "first", run)

    def earlier(saved: dict) -> None:
        del saved["layers"]["dead"], saved["batches"]
        saved["points"]["new"] = "[]"

    edit(url, "curves", earlier, kept)
    found = store.load("anna", kept)
    assert found.layers == tuple(replace(layer, dead=None) for layer in run.layers)
    assert (found.points, found.batches) == (run.points, ())
