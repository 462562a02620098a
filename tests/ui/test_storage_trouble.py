"""What can go wrong with the file of kept runs: each gives one message, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, NullPool, create_engine, event, text

from ui.storage import Store, StoreError
from ui.training.snapshot import Snapshot

NOBODY = 65534


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite3"


@pytest.fixture
def kept(file: Path, finished: Snapshot) -> int:
    """The id of anna's run, the only one in the file."""
    return store_at(file).keep("anna", "first", finished)


def store_at(file: Path) -> Store:
    return Store(f"sqlite:///{file}", busy_seconds=0.1)


def writings(store: Store, kept: int, run: Snapshot) -> list[Callable[[], object]]:
    """All operations that change the file."""
    return [
        lambda: store.keep("anna", "second", run),
        lambda: store.rename("anna", kept, "renamed"),
        lambda: store.delete("anna", kept),
    ]


def readings(store: Store, kept: int) -> list[Callable[[], object]]:
    """All operations that only read."""
    return [lambda: store.list("anna"), lambda: store.load("anna", kept)]


@contextlib.contextmanager
def connection_to(file: Path) -> Iterator[sqlite3.Connection]:
    """Another program's connection, with transactions controlled by the test."""
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def without_rights(*paths: Path, mode: int) -> Iterator[None]:
    """The paths with other permissions, as seen by a user other than root, who may do anything."""
    before = {path: path.stat().st_mode for path in paths}
    user = os.geteuid()
    for path in paths:
        path.chmod(mode)
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        for path, old in before.items():
            path.chmod(old)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter; pytest's are only for their owner."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_locked_file_can_be_read_and_says_so_when_written(
    file: Path, kept: int, finished: Snapshot
) -> None:
    store = store_at(file)
    with connection_to(file) as other:
        other.execute("BEGIN IMMEDIATE")
        for write in writings(store, kept, finished):
            with pytest.raises(StoreError, match=r"Another program is writing to runs\.sqlite3"):
                write()
        assert [of.name for of in store.list("anna")] == ["first"]
        other.execute("ROLLBACK")
    for write in writings(store, kept, finished):
        write()
    assert [of.name for of in store.list("anna")] == ["second"]


def test_a_file_that_is_locked_for_reading_too_says_so(
    file: Path, kept: int, finished: Snapshot
) -> None:
    store = store_at(file)
    with connection_to(file) as other:
        other.execute("BEGIN EXCLUSIVE")
        for use in (*readings(store, kept), *writings(store, kept, finished)):
            with pytest.raises(StoreError, match="Nothing was changed; try again in a moment"):
                use()
        other.execute("ROLLBACK")
    assert [of.name for of in store.list("anna")] == ["first"]


def test_a_full_disk_loses_nothing(file: Path, kept: int, finished: Snapshot) -> None:
    store = store_at(file)

    def fill(connection: sqlite3.Connection, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(Engine, "connect", fill)
    try:
        with pytest.raises(StoreError, match=r"no room left for runs\.sqlite3\. Nothing was chang"):
            store.keep("anna", "second", finished)
        assert [of.name for of in store.list("anna")] == ["first"]
        store.delete("anna", kept)  # as the message advises
        store.keep("anna", "second", finished)
    finally:
        event.remove(Engine, "connect", fill)
    assert [of.name for of in store.list("anna")] == ["second"]
    with connection_to(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_opened_for_reading_only_is_read_and_says_so_when_written(
    file: Path, kept: int, finished: Snapshot
) -> None:
    store = Store(f"sqlite:///file:{file}?mode=ro&uri=true")
    before = file.read_bytes()
    for write in writings(store, kept, finished):
        with pytest.raises(StoreError, match=r"^runs\.sqlite3 is read-only\. Nothing was chan"):
            write()
    assert [of.name for of in store.list("anna")] == ["first"]
    assert store.load("anna", kept).points == finished.points
    assert file.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
@pytest.mark.parametrize("what", ["file", "folder", "both"])
def test_a_file_or_folder_without_write_permission_is_read_and_says_so(
    open_folder: Path, finished: Snapshot, what: str
) -> None:
    file = open_folder / "runs.sqlite3"
    store = store_at(file)
    kept = store.keep("anna", "first", finished)
    file.chmod(0o666)
    open_folder.chmod(0o777)
    paths = {"file": [file], "folder": [open_folder], "both": [file, open_folder]}[what]
    before = file.read_bytes()
    with without_rights(*paths, mode=0o555):
        for write in writings(store, kept, finished):
            with pytest.raises(StoreError, match=r"let the server (write to|read and write) the"):
                write()
        assert [of.name for of in store.list("anna")] == ["first"]
        assert store.load("anna", kept).points == finished.points
    assert file.read_bytes() == before
    for write in writings(store, kept, finished):
        write()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_a_folder_that_may_not_be_entered_says_so(open_folder: Path, finished: Snapshot) -> None:
    file = open_folder / "closed" / "runs.sqlite3"
    store = store_at(file)
    kept = store.keep("anna", "first", finished)
    with without_rights(file.parent, mode=0o000):
        for use in (*readings(store, kept), *writings(store, kept, finished)):
            with pytest.raises(StoreError, match=r"runs\.sqlite3 cannot be opened\. The page goes"):
                use()
    assert [of.name for of in store.list("anna")] == ["first"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_a_folder_that_cannot_be_created_says_so(open_folder: Path, finished: Snapshot) -> None:
    store = store_at(open_folder / "new" / "runs.sqlite3")
    with (
        without_rights(open_folder, mode=0o555),
        pytest.raises(StoreError, match=r"runs\.sqlite3 cannot be opened"),
    ):
        store.keep("anna", "first", finished)
    store.keep("anna", "first", finished)


def test_a_folder_in_the_files_place_says_so(tmp_path: Path, finished: Snapshot) -> None:
    store = store_at(tmp_path)
    for use in (*readings(store, 1), *writings(store, 1, finished)):
        with pytest.raises(StoreError, match=r"cannot be opened\. The page goes on"):
            use()


def test_a_file_in_the_folders_place_says_so(tmp_path: Path, finished: Snapshot) -> None:
    (tmp_path / "runs").write_text("not a folder")
    store = store_at(tmp_path / "runs" / "runs.sqlite3")
    assert store.list("anna") == ()
    with pytest.raises(StoreError, match=r"cannot be opened\. The page goes on"):
        store.keep("anna", "first", finished)


@pytest.mark.parametrize("raw", [b"no db", b"no database at all" * 500, bytes(4096)])
def test_a_file_that_is_no_database_is_refused_untouched(
    file: Path, finished: Snapshot, raw: bytes
) -> None:
    file.write_bytes(raw)
    store = store_at(file)
    for use in (*readings(store, 1), *writings(store, 1, finished)):
        with pytest.raises(
            StoreError, match=r"is not a database of kept runs\. It was not touched"
        ):
            use()
    assert file.read_bytes() == raw
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    "spoil",
    [
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, owner TEXT)",
        "CREATE TABLE recipes (flour INTEGER)",
        "PRAGMA user_version = 1",
        "PRAGMA application_id = 12",
    ],
)
def test_the_database_of_another_program_is_refused_untouched(
    file: Path, finished: Snapshot, spoil: str
) -> None:
    with connection_to(file) as connection:
        connection.execute(spoil)
    before, store = file.read_bytes(), store_at(file)
    for use in (*readings(store, 1), *writings(store, 1, finished)):
        with pytest.raises(
            StoreError, match=r"is not a database of kept runs\. It was not touched"
        ):
            use()
    assert file.read_bytes() == before


def test_an_empty_file_is_treated_as_missing(file: Path, finished: Snapshot) -> None:
    file.touch()
    store = store_at(file)
    assert store.list("anna") == ()
    store.keep("anna", "first", finished)
    assert [of.name for of in store.list("anna")] == ["first"]


def test_a_file_cut_short_says_so(file: Path, kept: int, finished: Snapshot) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    store = store_at(file)
    for use in (
        lambda: store.load("anna", kept),
        lambda: [store.keep("anna", "more", finished) for _ in range(3)],
    ):
        with pytest.raises(StoreError, match=r"(runs\.sqlite3|The kept run first) (is|cannot be)"):
            use()


@pytest.mark.parametrize("column", ["curves", "checkpoint", "recipe"])
@pytest.mark.parametrize("value", ["[]", "{", "null", "PK\3\4", '{"test": 3}'])
def test_a_damaged_run_says_so_and_hides_no_other(
    url: str, finished: Snapshot, column: str, value: str
) -> None:
    store = Store(url)
    kept, whole = (store.keep("anna", name, finished) for name in ("first", "whole"))
    with create_engine(url, poolclass=NullPool).begin() as connection:
        raw = value.encode() if column == "checkpoint" else value
        damage = text(f"UPDATE runs SET {column} = :raw WHERE id = :id")
        connection.execute(damage, {"raw": raw, "id": kept})
    with pytest.raises(StoreError, match="The kept run first cannot be read: it is damaged"):
        store.load("anna", kept)
    assert [of.name for of in store.list("anna")] == ["first", "whole"]
    assert store.load("anna", whole).points == finished.points
    store.delete("anna", kept)


def test_a_file_that_vanishes_is_created_again(file: Path, kept: int, finished: Snapshot) -> None:
    store = store_at(file)
    assert [of.id for of in store.list("anna")] == [kept]
    file.unlink()
    assert store.list("anna") == ()
    store.keep("anna", "anew", finished)
    assert [of.name for of in store.list("anna")] == ["anew"]


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "",
        "sqlite://",
        "sqlite:///",
        "sqlite+nonsense:///runs.sqlite3",
        "sqlite://host:port/runs.sqlite3",
    ],
)
def test_a_url_of_nonsense_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match=f"kept at {re.escape(url)}: expected sqlite:///"):
        Store(url)


@pytest.mark.parametrize(
    "query",
    [
        "timeout=soon",
        "timeout=1&timeout=2",
        "nonsense=1",
        "detect_types=99999999999999999999",
        "check_same_thread=perhaps",
        "plugin=nonsense",
    ],
)
def test_a_url_with_an_unknown_or_wrong_option_is_refused(file: Path, query: str) -> None:
    with pytest.raises(StoreError, match=r"with options that the database knows\. Set DIGIT_LAB"):
        Store(f"sqlite:///{file}?{query}")


@pytest.mark.parametrize("query", ["mode=nonsense&uri=true", "vfs=nonsense&uri=true"])
def test_a_file_with_an_option_that_sqlite_refuses_says_so(
    file: Path, finished: Snapshot, query: str
) -> None:
    with pytest.raises(StoreError, match=r"^Kept runs cannot be reached: runs\.sqlite3"):
        Store(f"sqlite:///file:{file}?{query}").keep("anna", "first", finished)
