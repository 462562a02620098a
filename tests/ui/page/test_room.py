"""The presenter's page of a room, by AppTest: what it says, what it changes, what it learns."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nn import Network, load_checkpoint
from nn.drawing.preprocessing import preprocess
from nn.teach import TEACHING
from tests.helpers import drawing, shown
from tests.ui.visitor import html, session_of
from ui import config, hand, i18n
from ui.database import StoreError
from ui.page import room as page_room
from ui.page import visit
from ui.room import export
from ui.room.room import Room, dataset
from ui.room.store import RoomStore, Sent


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RoomStore:
    """The server's rooms, in a database of the test's own."""
    monkeypatch.setenv("DIGIT_LAB_DATABASE", f"sqlite:///{tmp_path}/rooms.sqlite3")
    config.current.cache_clear()
    rooms = visit.rooms()
    assert rooms is not None
    return rooms.store


@pytest.fixture
def code(store: RoomStore) -> str:
    return store.open("http://192.168.1.20:8501")[0]


@pytest.fixture
def present(
    monkeypatch: pytest.MonkeyPatch, open_page: Callable[..., AppTest]
) -> Callable[[str], AppTest]:
    """Opens a room's page with the presenter's right."""
    monkeypatch.setattr(page_room, "is_presenter", lambda *_: True)
    return lambda code: open_page(room=code).run()


def write(store: RoomStore, code: str, phones: int, digits: tuple[int, ...] = (7, 1, 4)) -> None:
    """Let phones join and write; each writes a little differently."""
    for phone in range(phones):
        token, _ = store.join(code)
        for number, digit in enumerate(digits):
            steps = preprocess(drawing(digit, at=(60 + 8 * phone, 50), scale=150))
            assert steps is not None
            image = np.rint(steps.input * 255).astype(np.uint8)
            sent = Sent(
                token, f"{number:032x}", "random", digit, [[1, 2, 3, 4]], image, digit, True
            )
            store.add(code, [sent])


def the_room(code: str) -> Room:
    rooms = visit.rooms()
    assert rooms is not None
    room = rooms.room(code)
    assert room is not None
    room.look(now=True)
    return room


def test_without_a_code_it_offers_to_open_one(
    open_page: Callable[..., AppTest], store: RoomStore
) -> None:
    page = open_page(room="").run()
    assert i18n.ROOM_WHAT in html(page)
    assert not page.exception


def test_who_is_no_presenter_is_told_how_to_join(
    open_page: Callable[..., AppTest], code: str
) -> None:
    page = open_page(room=code.lower()).run()
    address = f"http://192.168.1.20:8501/j/{code}"
    assert shown(page.warning) == [i18n.say("ROOM_NOT_YOURS", code=code, address=address)]
    assert 'class="room-code"' not in html(page)
    unknown = open_page(room="BCDFG").run()
    assert shown(unknown.warning) == [i18n.say("ROOM_UNKNOWN", code="BCDFG")]


def test_a_database_that_is_switched_off(
    open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGIT_LAB_DATABASE", "off")
    config.current.cache_clear()
    page = open_page(room="BCDFG").run()
    assert i18n.ROOM_ERRORS["off"] in html(page)
    assert not page.exception


def test_a_database_that_is_gone(
    present: Callable[[str], AppTest], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = present(code)

    def gone(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(RoomStore, "set_state", gone)
    page_room._press(session_of(page), the_room(code), "state-paused")
    assert "the disk is full" in shown(page.run().warning)
    monkeypatch.setattr(RoomStore, "find", gone)
    the = visit.rooms()
    assert the is not None
    the._rooms.clear()
    assert shown(page.run().warning) == ["the disk is full"]


def test_code_address_and_qr_code_are_on_the_page(
    present: Callable[[str], AppTest], code: str, store: RoomStore
) -> None:
    page = present(code)
    assert f'<p class="room-code">{code}</p>' in html(page)
    assert f"http://192.168.1.20:8501/j/{code}" in html(page)
    assert html(page).count('class="qr') == 2  # nobody has joined: it is there large, too
    write(store, code, 2)
    the_room(code)
    assert html(page.run()).count('class="qr') == 1
    page.toggle(key="room-large").set_value(True).run()
    assert html(page).count('class="qr') == 2


def test_presses_say_what_shall_be_and_may_come_twice(
    present: Callable[[str], AppTest], code: str, store: RoomStore
) -> None:
    session, room = session_of(present(code)), the_room(code)
    for _ in range(2):
        page_room._press(session, room, "task-7-1")
    state = store.find(code)
    assert state is not None
    assert (state.task, state.task_number) == ("7", 2)
    for pressed in ("state-closed", "approve-on", "leaderboard-on", "hidden-on", "hidden-off"):
        page_room._press(session, room, pressed)
    state = store.find(code)
    assert state is not None
    assert (state.state, state.options.approve, state.options.hidden) == ("closed", True, False)
    for wrong in ("", "task-11-2", "task-7-x", "state-shut", "remove-x", "allow-", "delete-1"):
        page_room._press(session, room, wrong)
    assert store.find(code).changes == state.changes  # type: ignore[union-attr]


def test_the_presenter_removes_and_allows_drawings(
    present: Callable[[str], AppTest], code: str, store: RoomStore
) -> None:
    store.set_options(code, approve=True)
    write(store, code, 1)
    page = present(code)
    session, room = session_of(page), the_room(code)
    first, second, third = (drawing.number for drawing in room.drawings)
    page_room._press(session, room, f"allow-{first}")
    page_room._press(session, room, f"remove-{second}")
    assert [(it.number, it.shown) for it in room.drawings] == [(first, True), (third, False)]
    page.run().button(key="room-show-all").click().run()
    assert [it.shown for it in room.drawings] == [True, True]


def test_what_it_cannot_read_can_wait_while_the_rest_is_allowed(
    present: Callable[[str], AppTest], code: str, store: RoomStore
) -> None:
    store.set_options(code, approve=True)
    write(store, code, 1)
    token, _ = store.join(code)
    store.add(
        code, [Sent(token, "0" * 32, "free", 7, [[1, 1]], np.full(784, 255, np.uint8), None, False)]
    )
    page = present(code)
    page.button(key="room-show-readable").click().run()
    assert [it.shown for it in the_room(code).drawings] == [True, True, True, False]


def test_the_address_can_be_changed_and_a_wrong_one_is_refused(
    present: Callable[[str], AppTest], code: str, store: RoomStore
) -> None:
    page = present(code)
    page.text_input(key="room-address-http://192.168.1.20:8501").set_value("https://a.b/").run()
    assert f"https://a.b/j/{code}" in html(page)
    assert shown(page.warning) == []
    page_room._set_address(session_of(page), the_room(code), "http://localhost:8501")
    assert shown(page.run().warning) == [i18n.ROOM_ADDRESS_HERE]
    page_room._set_address(session_of(page), the_room(code), "https://a.b")
    for wrong in ("a.b", "ftp://a.b", "http://", "http://a:b:c", ""):
        page_room._set_address(session_of(page), the_room(code), wrong)
        assert session_of(page).room_error == i18n.say("ROOM_ADDRESS_WRONG", address=wrong)
    assert store.find(code).options.address == "https://a.b"  # type: ignore[union-attr]


def learn(page: AppTest, start: str = "") -> None:
    """Press the button, and wait until the run is over."""
    if start:
        page.selectbox(key="room-start").set_value(start)
    page.button(key="learn").click().run()
    end = time.monotonic() + 60
    while session_of(page).runs.live():
        assert time.monotonic() < end
        page.run()
    page.run()


def test_the_room_is_learned_from_writers_that_are_not_held_out(
    present: Callable[[str], AppTest],
    code: str,
    store: RoomStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    short = TEACHING.replace(samples=640, epochs=1)
    monkeypatch.setattr(page_room, "ROOM_TEACHING", short)
    write(store, code, 3)
    page = present(code)
    learn(page, "original")
    session, room = session_of(page), the_room(code)
    run = next(iter(session.runs))
    assert run.snapshot is not None
    assert run.snapshot.drawings is not None
    of_others = [drawing for drawing in room.drawings if drawing.phone in (1, 3)]
    np.testing.assert_array_equal(run.snapshot.drawings.images, dataset(of_others).images)
    assert room.model is run.network
    assert room.former is visit.shipped("original")
    test = [drawing for drawing in room.drawings if drawing.phone == 2]
    right = int((room.said(room.model, test) == dataset(test).labels).sum())  # type: ignore[arg-type]
    assert f"It reads {right} (" in html(page)
    assert "of the 3 drawings by held-out writers (1)" in html(page)
    kept = load_checkpoint(io.BytesIO(store.model(code) or b"")).network
    np.testing.assert_array_equal(kept.params, run.network.params)  # type: ignore[union-attr]
    session.keep(run)
    assert session.store is not None
    brought = session.store.load(session.visitor, run.kept or 0)
    assert brought.drawings is None  # they are the room's, and go with it


@pytest.mark.parametrize(("preset", "filters"), [("adam", ()), ("convolution", (3, 2))])
def test_a_room_is_learned_from_scratch_by_the_recipe_in_the_sidebar(
    present: Callable[[str], AppTest],
    code: str,
    store: RoomStore,
    preset: str,
    filters: tuple[int, ...],
) -> None:
    write(store, code, 3)
    page = present(code)
    page.selectbox(key="recipe-name").set_value(preset)
    page.run()
    if filters:
        page.text_input(key=f"filters-{preset}").set_value("3, 2")
    page.text_input(key=f"hidden-{preset}").set_value("16")
    page.text_input(key=f"epochs-{preset}").set_value("1")
    page.text_input(key=f"samples-{preset}").set_value("1000")
    page.run()
    learn(page, page_room.NEW)
    run = next(iter(session_of(page).runs))
    assert (run.recipe.filters, run.recipe.hidden) == (filters, (16,))
    assert isinstance(the_room(code).model, Network)
    assert session_of(page).room_error is None


def test_with_too_few_phones_a_sentence_takes_the_place_of_the_test(
    present: Callable[[str], AppTest], code: str, store: RoomStore
) -> None:
    page = present(code)
    assert i18n.ROOM_LEARN_SHORT in html(page)
    assert page.button(key="learn").disabled
    write(store, code, 1)
    the_room(code)
    page.run()
    assert i18n.ROOM_NO_TEST in html(page)
    assert not page.button(key="learn").disabled


def test_what_is_taken_home_can_be_read_again(code: str, store: RoomStore) -> None:
    write(store, code, 2)
    room = the_room(code)
    with np.load(io.BytesIO(export.drawings_npz(room)), allow_pickle=False) as npz:
        assert npz["images"].shape == (6, 784)
        assert npz["labels"].tolist() == [7, 1, 4] * 2
        assert npz["writers"].tolist() == [1] * 3 + [2] * 3
        assert npz["held_out"].tolist() == [False] * 3 + [True] * 3
        assert npz["tasks"].tolist() == ["random"] * 6
        assert npz["strokes"].tolist() == ["[[1,2,3,4]]"] * 6
    assert hand.sheet(dataset(room.shown)).startswith(b"\x89PNG")


def test_the_room_ends_and_is_deleted(
    present: Callable[[str], AppTest], code: str, store: RoomStore
) -> None:
    write(store, code, 1)
    page = present(code)
    page.button(key="end-room").click().run()
    assert len(page.info) == 1
    assert "room-control" not in html(page)
    page.button(key="delete-room").click().run()
    assert store.find(code) is None
    assert code in page.success[0].value
    assert not page.exception
    assert session_of(page).downloads == {}


def test_a_model_whose_storing_fails_is_stored_at_the_next_look(
    present: Callable[[str], AppTest],
    code: str,
    store: RoomStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_room, "ROOM_TEACHING", TEACHING.replace(samples=640))
    write(store, code, 3)
    page, keep = present(code), RoomStore.keep_model

    def locked(*_: object) -> int:
        raise StoreError("the database is locked")

    monkeypatch.setattr(RoomStore, "keep_model", locked)
    learn(page)
    assert "the database is locked" in shown(page.warning)
    assert store.model(code) is None
    monkeypatch.setattr(RoomStore, "keep_model", keep)
    page.run()
    page.run()
    assert store.model(code) is not None
    assert store.find(code).former == "original"  # type: ignore[union-attr]


def test_a_download_says_why_where_the_database_fails(
    present: Callable[[str], AppTest],
    code: str,
    store: RoomStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(store, code, 1)
    page = present(code)

    def gone(*_: object) -> None:
        raise StoreError("the database is gone")

    monkeypatch.setattr(RoomStore, "strokes", gone)
    page.button(key="room-npz").click().run()
    page.run()
    assert "the database is gone" in shown(page.warning)
    assert not page.exception


def test_another_tab_forgets_the_run_of_a_room_that_was_deleted(
    present: Callable[[str], AppTest],
    code: str,
    store: RoomStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_room, "ROOM_TEACHING", TEACHING.replace(samples=640))
    write(store, code, 3)
    page = present(code)
    learn(page, "original")
    assert len(session_of(page).runs) == 1
    store.delete(code)
    the_rooms = visit.rooms()
    assert the_rooms is not None
    the_rooms._rooms[code].look(now=True)
    page.run()
    assert list(session_of(page).runs) == []


def test_two_tabs_of_the_presenter_do_not_teach_in_turns(
    present: Callable[[str], AppTest], code: str, store: RoomStore
) -> None:
    write(store, code, 3)
    room = the_room(code)
    first, second = present(code), present(code)
    learn_by = session_of(first).learn_room
    original = visit.shipped("original")
    assert isinstance(original, Network)
    run = learn_by(
        code, original, "x", dataset(room.to_learn()), TEACHING.replace(samples=640), 0, writers=2
    )
    room.learner = (session_of(second).token, "run-1")
    end = time.monotonic() + 60
    while run.live:
        assert time.monotonic() < end
        first.run()
    first.run()
    assert run.network is not None
    assert room.model is None


def test_a_visitor_submits_a_run_to_a_leaderboard(
    open_page: Callable[..., AppTest], code: str, store: RoomStore
) -> None:
    page = open_page(panel="PANEL_RUNS").run()
    session = session_of(page)
    checkpoint = (visit.WEIGHTS / "original.npz").read_bytes()
    session.load_run(checkpoint, "mine.npz")
    page.run()
    assert page.button(key="submit").disabled
    page.text_input(key="submit-code").set_value("BCDFG").run()
    page.button(key="submit").click().run()
    assert i18n.ROOM_ERRORS["unknown"] in shown(page.warning)
    store.set_options(code, leaderboard=True)
    page.text_input(key="submit-code").set_value(code.lower()).run()
    page.button(key="submit").click().run()
    assert not page.warning
    assert code in shown(page.success)[0]
    assert list(store.entries(code).values()) == [next(iter(session.runs)).name]
