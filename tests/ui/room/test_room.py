"""A room as one server knows it: it catches up, and says what networks read in the drawings."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn import Network
from nn.drawing.preprocessing import preprocess
from tests.helpers import checkpoint_bytes, drawing
from tests.ui.room.client import networks
from ui.database import StoreError
from ui.page import visit
from ui.room import wall
from ui.room.room import Room, Rooms
from ui.room.store import RoomError, RoomStore, Sent
from ui.room.strokes import picture


@pytest.fixture
def store(tmp_path: Path) -> RoomStore:
    return RoomStore(f"sqlite:///{tmp_path}/rooms.sqlite3")


@pytest.fixture
def room(store: RoomStore) -> Room:
    found = Rooms(store, networks).room(store.open("http://a")[0])
    assert found is not None
    return found


def send(
    room: Room, token: str, number: int, label: int, digit: int, *, shown: bool = True
) -> None:
    """A drawing of `digit` that is said to be `label`."""
    steps = preprocess(drawing(digit, at=(60 + number, 50), scale=150))
    assert steps is not None
    image = np.rint(steps.input * 255).astype(np.uint8)
    key = f"{number:032x}"
    said = digit if shown else None
    room.store.add(room.code, [Sent(token, key, "free", label, [[number, 1]], image, said, shown)])


def view(room: Room, **asked: Any) -> dict[str, Any]:
    assert room.state is not None
    return wall.view(room, room.state, **asked)


def phones(room: Room, count: int) -> list[str]:
    return [room.store.join(room.code)[0] for _ in range(count)]


def named(name: str) -> Network:
    found = visit.shipped(name)
    assert isinstance(found, Network)
    return found


def test_it_catches_up_with_what_was_added_and_what_was_removed(room: Room) -> None:
    (token,) = phones(room, 1)
    send(room, token, 1, 7, 7)
    assert room.drawings == []  # it has looked just now
    room.look(now=True)
    known = room.drawings
    send(room, token, 2, 1, 1)
    send(room, token, 3, 4, 4)
    room.look(now=True)
    assert [it.label for it in room.drawings] == [7, 1, 4]
    assert room.drawings[0] is known[0]  # only the new ones were read
    room.store.remove(room.code, room.drawings[1].number)
    room.look(now=True)
    assert [it.label for it in room.drawings] == [7, 4]
    send(room, token, 4, 3, 3)
    room.look(now=True)
    assert [it.label for it in room.drawings] == [7, 4, 3]
    room.store.delete(room.code)
    assert room.look(now=True) is None
    assert room.drawings == []  # nothing of it stays in memory


def test_a_network_in_training_lets_nothing_on_the_wall(room: Room) -> None:
    steps = preprocess(drawing(7))
    assert steps is not None
    scribble = preprocess(picture([[x, 200, x, 800] for x in range(200, 800, 40)]))
    assert scribble is not None
    room.learn(named("original"), named("original").copy().freeze())  # it refuses nothing
    assert (room.accepts(steps), room.accepts(scribble)) == (True, False)


def test_a_phone_that_sends_is_told_its_count_at_once(room: Room) -> None:
    (token,) = phones(room, 1)
    assert room.phone(token) == 1
    steps = preprocess(drawing(7))
    assert steps is not None
    image = np.rint(steps.input * 255).astype(np.uint8)
    assert room.add(Sent(token, "0" * 32, "free", 7, [[1, 1]], image, 7, True)) == 1
    assert (room.sent(1), len(room.drawings)) == (1, 0)
    room.remove_phone(token)
    assert room.sent(1) == 0


def test_drawings_that_come_while_others_are_stored_are_stored_together(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = phones(room, 8)
    for token in tokens:
        room.phone(token)
    image, batches = np.full(784, 9, np.uint8), []
    all_wait, add = threading.Event(), room.store.add

    def slow(code: str, sent: list[Sent]) -> list[int | RoomError]:
        batches.append(len(sent))
        if len(batches) == 1:
            assert all_wait.wait(30)
        return add(code, sent)

    monkeypatch.setattr(room.store, "add", slow)
    with ThreadPoolExecutor(8) as pool:
        drawings = [Sent(token, "0" * 32, "free", 7, [[1, 1]], image, 7, True) for token in tokens]
        answers = [pool.submit(room.add, drawing) for drawing in drawings]
        while len(room._waiting) + sum(batches) < 8:
            pass
        all_wait.set()
        assert [answer.result() for answer in answers] == [1] * 8
    assert len(batches) < 8
    room.look(now=True)
    assert len(room.drawings) == 8


def test_what_is_stored_together_is_answered_one_by_one(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, stranger = phones(room, 1)[0], "x" * 32
    image = np.full(784, 9, np.uint8)
    drawings = [
        Sent(token, f"{key:032x}", "free", 7, [[1, 1]], image, 7, True)
        for token, key in [(known, 1), (stranger, 2), (known, 1), (known, 3)]
    ]
    first, refused, again, another = room.store.add(room.code, drawings)
    assert (first, again, another) == (1, 1, 2)
    assert isinstance(refused, RoomError)
    assert refused.kind == "stranger"

    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(room.store, "add", full)
    with pytest.raises(StoreError, match="the disk is full"):
        room.add(drawings[3])


def test_scores_are_of_all_and_of_the_phones_that_are_held_out(room: Room) -> None:
    first, held_out, third = phones(room, 3)
    for number, (token, label, digit) in enumerate(
        [(first, 7, 7), (first, 1, 7), (held_out, 7, 7), (held_out, 4, 4), (third, 3, 7)]
    ):
        send(room, token, number, label, digit)
    send(room, third, 9, 4, 4, shown=False)
    room.look(now=True)
    (best,) = [score for score in room.scores() if score.name == "best"]
    assert (best.right, best.test_right) == (3, 2)
    assert [it.label for it in room.test_drawings()] == [7, 4]
    assert sorted(it.label for it in room.to_learn()) == [1, 3, 7]
    assert room.per_digit() == [0, 1, 0, 1, 1, 0, 0, 2, 0, 0]


def test_one_phone_alone_is_no_test(room: Room) -> None:
    _, held_out = phones(room, 2)
    send(room, held_out, 1, 7, 7)
    room.look(now=True)
    assert room.test_drawings() == []
    assert len(room.to_learn()) == 0


def test_the_wall_tells_what_was_misread_before_and_is_read_now(room: Room) -> None:
    first, _ = phones(room, 2)
    send(room, first, 1, 4, 4)
    room.look(now=True)
    before = named("original").copy()
    before.params[...] = 0  # it reads 0 in everything
    assert [tile["was"] for tile in view(room)["tiles"]] == [None]
    assert view(room, only="learned")["tiles"] == []
    room.learn(before.freeze(), named("best"))
    (tile,) = view(room, only="learned")["tiles"]
    assert (tile["label"], tile["was"], tile["said"]) == (4, 0, 4)
    assert view(room, only="misread")["tiles"] == []


def test_while_it_learns_the_room_is_read_anew_only_now_and_then(room: Room) -> None:
    networks = [named("original").copy().freeze() for _ in range(3)]
    room.learn(named("original"), networks[0])
    room.learn(named("original"), networks[1])
    assert room.model is networks[0]
    room.learn(named("original"), networks[2], done=True)
    assert room.model is networks[2]


def test_another_server_reads_with_the_model_once_it_is_stored(room: Room) -> None:
    other = Rooms(RoomStore(f"sqlite:///{room.store._database.path}"), networks).room(room.code)  # type: ignore[attr-defined]
    assert other is not None
    assert other.reader is named("best")
    room.learn(named("best"), named("original"), done=True)
    room.keep_model(checkpoint_bytes(named("original")))
    other.look(now=True)
    np.testing.assert_array_equal(other.model.params, named("original").params)  # type: ignore[union-attr]
    assert other.former is named("best")  # by its name, as it was stored
    room.look(now=True)
    assert room.model is named("original")  # its own, not read again


def test_a_model_that_is_damaged_is_left_out(room: Room) -> None:
    room.store.keep_model(room.code, b"no checkpoint")
    room.look(now=True)
    assert room.model is None
    assert room.reader is named("best")


def test_the_leaderboard_is_scored_on_new_drawings_too(room: Room) -> None:
    first, held_out = phones(room, 2)
    room.store.set_options(room.code, leaderboard=True)
    zero = named("original").copy()
    zero.params[...] = 0
    room.store.submit(room.code, "ada", "zero", checkpoint_bytes(zero))
    room.store.submit(room.code, "ben", "<i>best</i>", checkpoint_bytes(named("best")))
    send(room, first, 1, 7, 7)
    send(room, held_out, 2, 7, 7)
    room.look(now=True)
    found = [(name, score.test_right) for name, score in room.leaderboard()]
    assert found == [("<i>best</i>", 1), ("zero", 0)]
    send(room, held_out, 3, 4, 4)
    room.look(now=True)
    board = [(it["name"], it["right"]) for it in view(room)["leaderboard"]]
    assert board == [("<i>best</i>", 2), ("zero", 0)]
    room.store.remove_entry(room.code, view(room)["leaderboard"][0]["number"])
    room.store.submit(room.code, "ben", "again", checkpoint_bytes(zero))
    room.look(now=True)
    assert [name for name, _ in room.leaderboard()] == ["zero", "again"]


def test_a_damaged_entry_is_left_out(room: Room) -> None:
    room.store.set_options(room.code, leaderboard=True)
    room.store.submit(room.code, "eve", "broken", b"no checkpoint")
    room.look(now=True)
    assert room.leaderboard() == []


def test_a_state_says_nothing_secret(room: Room) -> None:
    assert room.state is not None
    assert room.state.secret not in repr(room.state)
    assert room.state.wall_key not in repr(replace(room.state, task="free"))
    assert room.state.secret not in str(view(room, presenter=True))
