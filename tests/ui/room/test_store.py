"""Rooms in the database: who may do what, what counts once, and what is gone when it is deleted."""

from __future__ import annotations

import contextvars
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from ui import i18n
from ui.room import store as rooms
from ui.room.store import Limits, RoomError, RoomStore, Sent

TABLES = ("rooms", "phones", "drawings", "entries")


@pytest.fixture
def store(url: str) -> RoomStore:
    return RoomStore(url)


def add(
    store: RoomStore, code: str, token: str, key: int, label: int = 7, said: int | None = 7
) -> int:
    """Send one drawing; raises why it was refused."""
    image = np.full(784, key % 256, np.uint8)
    strokes = [[0, 0, 500, 1000]]
    (result,) = store.add(
        code, [Sent(token, f"{key:032x}", "random", label, strokes, image, said, said is not None)]
    )
    if isinstance(result, RoomError):
        raise result
    return result


def refused(kind: str) -> pytest.RaisesExc[RoomError]:
    return pytest.raises(RoomError, check=lambda error: error.kind == kind)


def rows(url: str, table: str) -> int:
    """How many rows there are, looked at past the store."""
    engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool
    )
    with engine.connect() as connection:
        count: int = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    return count


def pass_time(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    now = rooms._now
    monkeypatch.setattr(rooms, "_now", lambda: now() + by)


def test_a_room_has_an_unambiguous_code_and_one_presenter(store: RoomStore) -> None:
    code, secret = store.open("http://192.168.1.20:8501")
    other, others = store.open("http://192.168.1.20:8501")
    room = store.find(code)
    assert room is not None
    assert rooms.CODE.fullmatch(code)
    assert not set(code) & set("AEIOU0123456789LSZN")
    assert room.options.address == "http://192.168.1.20:8501"
    assert room.is_presenter(secret)
    assert not room.is_presenter(others)
    assert not room.is_presenter("")
    assert secret not in repr(room)
    assert store.find(other) != room
    assert RoomStore(store._database.engine.url.render_as_string(hide_password=False)).find(code)


def test_there_is_no_room_where_none_was_opened(store: RoomStore) -> None:
    assert store.find("BCDFG") is None
    assert store.phone("BCDFG", "token") is None
    with refused("unknown"):
        store.join("BCDFG")


def test_a_drawing_counts_once_however_often_it_is_sent(store: RoomStore, url: str) -> None:
    code, _ = store.open("")
    token, number = store.join(code)
    assert number == 1
    with ThreadPoolExecutor(4) as phones:
        counts = list(phones.map(lambda _: add(store, code, token, 1), range(4)))
    assert counts == [1] * 4
    assert add(store, code, token, 2, label=3, said=None) == 2
    assert rows(url, "drawings") == 2
    first, second = store.drawings(code)
    assert (first.label, first.said, first.shown, first.phone) == (7, 7, True, 1)
    assert first.task == "random"
    assert first.image.tolist() == [1] * 784
    assert (second.said, second.shown) == (None, False)  # it was refused, and waits
    assert [it.number for it in store.drawings(code, after=first.number)] == [second.number]
    assert store.strokes(code, [first.number]) == ["[[0,0,500,1000]]"]


def test_phones_know_only_their_own(store: RoomStore) -> None:
    code, secret = store.open("")
    other, _ = store.open("")
    ada, ben = store.join(code)[0], store.join(code)[0]
    add(store, code, ada, 1)
    add(store, code, ben, 1)
    store.remove_phone(code, ben)
    assert [drawing.phone for drawing in store.drawings(code)] == [1]
    for stranger in (secret, "", "x" * 32):
        with refused("stranger"):
            add(store, code, stranger, 2)
        with refused("stranger"):
            store.remove_phone(code, stranger)
    with refused("stranger"):
        add(store, other, ada, 3)
    assert len(store.drawings(code)) == 1


def test_the_second_phone_of_five_is_held_out(store: RoomStore) -> None:
    code, _ = store.open("")
    for key in range(8):
        add(store, code, store.join(code)[0], key)
    held_out = [drawing.phone for drawing in store.drawings(code) if drawing.held_out]
    assert held_out == [2, 7]


def test_tasks_and_states(store: RoomStore) -> None:
    code, _ = store.open("")
    token, _ = store.join(code)
    store.set_task(code, "7", after=1)
    store.set_task(code, "3", after=1)  # another tab of the presenter's, which showed task 1
    room = store.find(code)
    assert room is not None
    assert (room.task, room.task_number) == ("7", 2)
    for state in ("paused", "closed"):
        store.set_state(code, state)
        with refused(state):
            add(store, code, token, 1)
    store.set_task(code, "free", after=2)  # a new task opens the writing
    assert add(store, code, token, 1) == 1
    store.set_state(code, "paused")
    assert add(store, code, token, 1) == 1  # confirmed before, and asked again
    with pytest.raises(ValueError, match="expected one of 0, 1"):
        store.set_task(code, "11", after=3)
    with pytest.raises(ValueError, match="expected one of open"):
        store.set_state(code, "shut")


def test_what_waits_is_shown_when_the_presenter_allows_it(store: RoomStore) -> None:
    code, _ = store.open("")
    token, _ = store.join(code)
    store.set_options(code, approve=True)
    for key in range(3):
        add(store, code, token, key)
    numbers = [drawing.number for drawing in store.drawings(code)]
    store.show(code, numbers[:1])
    assert [drawing.shown for drawing in store.drawings(code)] == [True, False, False]
    store.show(code, numbers)
    assert all(drawing.shown for drawing in store.drawings(code))
    store.remove(code, numbers[1])
    assert [drawing.number for drawing in store.drawings(code)] == [numbers[0], numbers[2]]


def test_limits(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(rooms=1, phones=3, drawings=3, drawings_per_second=2, phones_per_second=2)
    store = RoomStore(url, limits)
    code, _ = store.open("")
    with refused("rooms"):
        store.open("")
    token, _ = store.join(code)
    store.join(code)
    with refused("many"):
        store.join(code)
    for key in range(2):
        add(store, code, token, key)
    with refused("fast"):
        add(store, code, token, 2)
    pass_time(monkeypatch, timedelta(seconds=2))
    store.join(code)
    with refused("full"):
        store.join(code)
    add(store, code, token, 2)
    with refused("limit"):
        add(store, code, token, 3)
    assert add(store, code, token, 2) == 3  # known: it is confirmed again


def test_a_room_ends_and_is_deleted_by_itself(
    store: RoomStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _ = store.open("")
    token, _ = store.join(code)
    add(store, code, token, 1)
    pass_time(monkeypatch, timedelta(days=1))
    room = store.find(code)
    assert room is not None
    assert room.ended
    with refused("ended"):
        add(store, code, token, 2)
    with refused("ended"):
        store.join(code)
    assert len(store.drawings(code)) == 1  # to take home
    store.remove_phone(code, token)
    pass_time(monkeypatch, timedelta(days=6))
    store.open("")
    assert store.find(code) is None
    assert [rows(url, table) for table in TABLES] == [1, 0, 0, 0]


def test_the_presenter_ends_it_at_once(store: RoomStore) -> None:
    code, _ = store.open("")
    store.end(code)
    room = store.find(code)
    assert room is not None
    assert room.ended
    ended = room.ends
    store.end(code)
    assert store.find(code).ends == ended  # type: ignore[union-attr]


def test_delete_leaves_nothing_in_the_database(store: RoomStore, url: str) -> None:
    code, _ = store.open("")
    kept, _ = store.open("")
    for room in (code, kept):
        token, _ = store.join(room)
        add(store, room, token, 1)
        store.keep_model(room, b"a checkpoint")
        store.set_options(room, leaderboard=True)
        store.submit(room, "ada", "Adam", b"another")
    assert [rows(url, table) for table in TABLES] == [2, 2, 2, 2]
    store.delete(code)
    assert [rows(url, table) for table in TABLES] == [1, 1, 1, 1]
    assert store.find(code) is None
    assert store.model(kept) == b"a checkpoint"
    store.delete(code)  # a second tab of the presenter's


def test_what_is_deleted_is_overwritten_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "rooms.sqlite3"
    store = RoomStore(f"sqlite:///{file}")
    code, _ = store.open("")
    token, _ = store.join(code)
    ((result),) = store.add(
        code, [Sent(token, "0" * 32, "free", 7, [[123, 987]], np.zeros(784, np.uint8), 7, True)]
    )
    assert result == 1
    assert b"[[123,987]]" in file.read_bytes()
    store.delete(code)
    assert b"[[123,987]]" not in file.read_bytes()


def test_a_refusal_is_in_the_language_of_whoever_reads_it(store: RoomStore) -> None:
    error = RoomError("limit", limit=7)
    english = str(error)
    context = contextvars.copy_context()
    context.run(i18n.spoken.set, "de")
    assert context.run(str, error) == i18n.CATALOGUES["de"]["ROOM_ERRORS"]["limit"].format(limit=7)
    assert english == i18n.CATALOGUES["en"]["ROOM_ERRORS"]["limit"].format(limit=7)


def test_a_leaderboard_has_one_entry_per_visitor(store: RoomStore) -> None:
    code, _ = store.open("")
    with refused("no_leaderboard"):
        store.submit(code, "ada", "Adam", b"1")
    store.set_options(code, leaderboard=True)
    store.submit(code, "ada", "Adam", b"1")
    store.submit(code, "ben", "<b>Ben</b>\n", b"2")
    store.submit(code, "ada", "Adam 2", b"3")
    entries = store.entries(code)
    assert sorted(entries.values()) == ["<b>Ben</b>", "Adam 2"]
    assert [store.entry(code, number) for number in sorted(entries)] == [b"2", b"3"]
    with refused("entry"):
        store.submit(code, "eve", "large", bytes(rooms.MAX_ENTRY + 1))
    for visitor in range(rooms.MAX_ENTRIES - 2):
        store.submit(code, str(visitor), "x", b"")
    with refused("entries"):
        store.submit(code, "zoe", "late", b"")
