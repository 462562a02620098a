"""The presenter's room, at `?room=CODE`: who may join, what is asked for, the wall, and learning.

Whoever has no right to present the room is told how to join it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import numpy as np
import streamlit as st

from nn import CheckpointError, Dataset, Network, RecipeError
from nn.teach import ROOM_TEACHING
from ui import assets, files, hand, i18n
from ui.page import download
from ui.room import export
from ui.room.pages import qr_code, words
from ui.room.room import ROOM, Room, dataset
from ui.room.routes import HERE, is_presenter
from ui.room.store import KEPT, STATES, TASKS, RoomError, RoomState
from ui.runs import Run
from ui.session import Session
from ui.storage import StoreError
from ui.training.limits import LimitError
from ui.training.snapshot import State
from ui.view import elements, sentences
from ui.view import room as view

from . import curves, fields, language, lesson, polling, visit
from .pressable import pressable

PARAMETER = "room"
EVERY = 2.0  # seconds between two looks at the room while nothing trains; the wall asks by itself
ORIGINAL = "original"
NEW = "new"  # among the networks to start from

_wall = st.components.v2.component(
    "room_wall",
    html='<div class="wall-root"></div>',
    js=assets.text("js/wall.js"),
    isolate_styles=False,
)


def is_asked_for() -> bool:
    """Whether the address names a room."""
    return PARAMETER in st.query_params


def show() -> None:
    """The room, or why it cannot be shown."""
    polling.rerun_if_stale()
    session = visit.session()
    code = st.query_params.get(PARAMETER, "").strip().upper()
    rooms = visit.rooms()
    if not code or rooms is None:
        st.html(elements.small(i18n.ROOM_WHAT if rooms else i18n.ROOM_ERRORS["off"]))
        if rooms:
            st.link_button(i18n.ROOM_OPEN, "/room", type="primary")
        return
    try:
        room = rooms.room(code)
    except StoreError as error:
        st.warning(i18n.plain(error))
        return
    if room is None:  # nothing of it may stay
        session.downloads.clear()
        for run in [run for run in session.runs if run.room == code]:
            session.delete(run)
    if session.room_deleted == code:
        st.success(i18n.plain(i18n.say("ROOM_DELETED", code=code)))
    elif room is None or room.state is None:
        st.warning(i18n.plain(i18n.say("ROOM_UNKNOWN", code=code)))
    elif not is_presenter(st.context.cookies, room.state):
        st.warning(i18n.plain(i18n.say("ROOM_NOT_YOURS", code=code, address=_join(room.state))))
    else:
        _present(session, room, room.state)
        return
    st.link_button(i18n.ROOM_BACK, "/")


def _present(session: Session, room: Room, state: RoomState) -> None:
    """Each part in a container of its own, so that none moves another's widgets."""
    _follow(session, room)
    join = _join(state)
    with st.container(key="room-banner", horizontal=True, vertical_alignment="center"):
        st.html(view.banner(state.code, join, ended=state.ended))
        if not state.ended:
            st.html(f'<div class="qr">{qr_code(join)}</div>')
    with st.container(key="room-error"):
        if session.room_error:
            st.warning(i18n.plain(session.room_error))
        if urlsplit(state.options.address).hostname in HERE:
            st.warning(i18n.ROOM_ADDRESS_HERE)
    with st.container(key="room-controls"):
        if state.ended:
            st.info(i18n.plain(i18n.say("ROOM_ENDED", date=f"{state.created + KEPT:%Y-%m-%d}")))
        else:
            _controls(session, room, state, join)
    with st.container(key="room-wall"):
        _show_wall(session, room, state)
    with st.container(key="room-learning"):
        _learning(session, room)
    _settings(session, room, state)
    _home(session, room, state)


def _controls(session: Session, room: Room, state: RoomState, join: str) -> None:
    pressable(
        view.controls(state),
        key="room-control",
        on_press=lambda pressed: _press(session, room, pressed),
    )
    # At first as large as it can be, also while the presenter tries it; then as they like.
    if state.phones <= 1 or st.toggle(i18n.ROOM_LARGE, key="room-large"):
        st.html(f'<div class="qr large">{qr_code(join)}</div>')


def _show_wall(session: Session, room: Room, state: RoomState) -> None:
    def take() -> None:
        pressed = getattr(st.session_state.get("wall"), "pressed", None)
        if pressed is not None:
            _press(session, room, str(pressed))

    data = {"code": state.code, "presenter": True, "words": words("WALL_")}
    _wall(key="wall", data=data, on_pressed_change=take)
    waiting = [drawing for drawing in room.drawings if not drawing.shown]
    readable = room.readable(waiting)
    with st.container(key="room-waiting", horizontal=True):
        for key, word, drawings in (
            ("room-show-readable", "ROOM_SHOW_READABLE", readable),
            ("room-show-all", "ROOM_SHOW_ALL", waiting),
        ):
            if drawings and (drawings is waiting or len(readable) < len(waiting)):
                numbers = [drawing.number for drawing in drawings]
                st.button(
                    i18n.say(word, count=len(numbers)),
                    key=key,
                    on_click=_do,
                    args=(session, room, partial(room.store.show, room.code, numbers)),
                )


def _press(session: Session, room: Room, pressed: str) -> None:
    """Something was pressed; it says what shall be, so a press that comes twice does no harm."""
    what, _, which = pressed.partition("-")
    store, code = room.store, room.code
    match what:
        case "task":
            task, _, after = which.partition("-")
            if task in TASKS and after.isdecimal():
                _do(session, room, partial(store.set_task, code, task, int(after)))
        case "state" if which in STATES:
            _do(session, room, partial(store.set_state, code, which))
        case "approve" | "hidden" | "leaderboard":
            _do(session, room, partial(store.set_options, code, **{what: which == "on"}))
        case "remove" if which.isdecimal():
            _do(session, room, partial(store.remove, code, int(which)))
        case "entry" if which.isdecimal():
            _do(session, room, partial(store.remove_entry, code, int(which)))
        case "allow" if which.isdecimal():
            _do(session, room, partial(store.show, code, [int(which)]))


def _do(session: Session, room: Room, change: Callable[[], object]) -> None:
    """Change the room, and look at it; the page says why where that does not work."""
    session.room_error = None
    try:
        change()
        room.look(now=True)
    except (RoomError, StoreError, RecipeError, LimitError, CheckpointError) as error:
        session.room_error = sentences.complaint(error)


# Learning


def _follow(session: Session, room: Room) -> None:
    """Let the room read with what the run has learned so far, and keep that when it is done."""
    run = _run(session, room)
    snapshot = run.snapshot if run else None
    if run is None or snapshot is None or snapshot.network is None or run.before is None:
        return
    if room.learner != (session.token, run.id):  # another page of the presenter's teaches it
        return
    room.learn(run.before, snapshot.network, done=not run.live)
    if run.live or session.room_kept == run.id or snapshot.state is State.FAILED:
        return

    def keep() -> None:
        room.keep_model(files.checkpoint_bytes(snapshot, name=run.name))
        session.room_kept = run.id

    _do(session, room, keep)  # where that fails, it is tried again at the next look


def _run(session: Session, room: Room) -> Run | None:
    """The latest run that learns the room."""
    return next((run for run in reversed(list(session.runs)) if run.room == room.code), None)


def _learning(session: Session, room: Room) -> None:
    run, learned = _run(session, room), room.to_learn()
    st.html(elements.heading(i18n.ROOM_LEARN) + elements.small(i18n.ROOM_LEARN_STORY))
    names = {name: visit.reader_name(name) for name in visit.networks()[0]}
    if room.model is not None and run is None:
        names[ROOM] = i18n.ROOM_MODEL
    names |= {str(kept.id): sentences.kept_run(kept) for kept in session.kept_runs()}
    names[NEW] = i18n.ROOM_NEW
    with st.container(key="room-learn", horizontal=True, vertical_alignment="bottom"):
        language.selectbox(
            i18n.ROOM_LEARN_FROM,
            list(names),
            key="room-start",
            first=ORIGINAL,  # which has most to learn
            format_func=lambda name: names.get(name, ""),
        )
        st.button(
            i18n.ROOM_LEARN,
            key="learn",
            type="primary",
            disabled=not len(learned) or (run is not None and run.live),
            on_click=_learn,
            args=(session, room),
        )
    st.html(elements.small(_result(session, room) if len(learned) else i18n.ROOM_LEARN_SHORT))
    if run is None:
        return
    curves.pair(run.snapshot, epochs=run.recipe.epochs, key="room")


def _learn(session: Session, room: Room) -> None:
    """Train a copy of the chosen network, or a new one, on MNIST and the room's drawings."""

    def begin() -> None:
        start = st.session_state.get("room-start")
        recipe, seed = ROOM_TEACHING, 0
        if start == NEW:
            recipe, seed = fields.chosen(), fields.seed()
            network = recipe.build_network(rng=np.random.default_rng(seed))
        else:
            network = _network(session, room, str(start))
        name = i18n.say("ROOM_RUN", code=room.code)
        learned = room.to_learn()
        writers = len({drawing.phone for drawing in learned})
        data = dataset(learned)
        run = session.learn_room(room.code, network, name, data, recipe, seed, writers=writers)
        if start == NEW:  # before, it would read one in ten
            run.before = visit.networks()[0].get(ORIGINAL)
        room.learner = session.token, run.id

    if (run := _run(session, room)) is None or not run.live:  # a press may come twice
        _do(session, room, begin)


def _network(session: Session, room: Room, name: str) -> Network:
    """The network of that name, among those to start from."""
    for kept in session.kept_runs():
        if name == str(kept.id):
            session.bring_back(kept)
            name = next((run.id for run in session.runs if run.kept == kept.id), name)
    networks = {run.id: run.network for run in session.runs} | visit.networks()[0]
    network = room.model if name == ROOM else networks.get(name)
    if network is None:
        raise session.store_error or CheckpointError(i18n.NOTHING_LEARNED)
    return network


def _result(session: Session, room: Room) -> str:
    """What learning has gained, on the phones that are held out."""
    run, test = _run(session, room), room.test_drawings()
    snapshot, said = run.snapshot if run else None, ""
    if run is not None and snapshot is not None and snapshot.drawings is not None:
        if snapshot.network is None:
            return ""
        count = len(snapshot.drawings)
        said = i18n.say("ROOM_LEARNED", count=count, writers=run.writers)
    if not test:
        return said + str(i18n.ROOM_NO_TEST)
    teaches = run is not None and room.learner == (session.token, run.id)
    if room.model is None or room.former is None or not (run is None or teaches):
        return said
    right = [
        int((room.said(network, test) == dataset(test).labels).sum())
        for network in (room.former, room.model)
    ]
    before, after = (f"{count} ({i18n.percent(count / len(test), 1)})" for count in right)
    writers = len({drawing.phone for drawing in test})
    name = i18n.READERS.get(room.former_name, i18n.ROOM_BEFORE)
    figures = {"count": len(test), "writers": writers, "before": before, "after": after}
    return said + i18n.say("ROOM_TESTED", reader=name, **figures)


# What is set, and what can be taken home


def _settings(session: Session, room: Room, state: RoomState) -> None:
    address = state.options.address
    with st.container(key="room-settings", horizontal=True, vertical_alignment="bottom"):
        key = f"room-address-{address}"
        st.text_input(
            i18n.ROOM_ADDRESS,
            value=address,
            max_chars=200,
            key=key,
            help=i18n.ROOM_ADDRESS_HELP,
            on_change=lambda: _set_address(session, room, str(st.session_state[key])),
        )
        wall = f"/wall/{state.code}?key={state.wall_key}"
        st.link_button(i18n.ROOM_WALL, wall, icon=":material/open_in_new:")
        st.link_button(i18n.ROOM_LESSON, f"/?{lesson.PARAMETER}", icon=":material/open_in_new:")


def _set_address(session: Session, room: Room, text: str) -> None:
    address = text.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known:
        session.room_error = i18n.say("ROOM_ADDRESS_WRONG", address=text)
        return
    _do(session, room, partial(room.store.set_options, room.code, address=address))


def _home(session: Session, room: Room, state: RoomState) -> None:
    st.html(elements.heading(i18n.ROOM_HOME))
    name = f"room-{state.code}"

    def data() -> Dataset:
        return dataset(room.shown)

    with st.container(key="room-home", horizontal=True, vertical_alignment="center"):
        for key, label, make, ending in (
            ("images", i18n.ROOM_IMAGES, lambda: hand.idx_images(data()), "-images-idx3-ubyte.gz"),
            ("labels", i18n.ROOM_LABELS, lambda: hand.idx_labels(data()), "-labels-idx1-ubyte.gz"),
            ("poster", i18n.ROOM_POSTER, lambda: hand.sheet(data(), columns=None), ".png"),
            ("npz", i18n.ROOM_NPZ, lambda: export.drawings_npz(room), ".npz"),
            ("model", i18n.ROOM_MODEL, lambda: room.store.model(room.code), "-model.npz"),
        ):
            download.button(
                label,
                partial(_made, session, room, make),
                file=name + ending,
                key=f"room-{key}",
                disabled=not (state.model_number if key == "model" else room.shown),
            )
    with st.container(key="room-end", horizontal=True):
        if not state.ended:
            st.button(
                i18n.ROOM_END,
                key="end-room",
                on_click=_do,
                args=(session, room, partial(room.store.end, room.code)),
            )
        with st.popover(i18n.ROOM_DELETE):
            st.html(elements.small(i18n.ROOM_DELETE_SURE))
            st.button(
                i18n.ROOM_DELETE_YES,
                key="delete-room",
                type="primary",
                on_click=_delete,
                args=(session, room),
            )


def _made(session: Session, room: Room, make: Callable[[], bytes | None]) -> bytes | None:
    """A file of the room as it is now; None where the database cannot be read."""
    try:
        room.look(now=True)
        return make()
    except StoreError as error:
        session.room_error = str(error)
        return None


def _delete(session: Session, room: Room) -> None:
    """Delete the room; `show` then forgets what this page has of it."""

    def delete() -> None:
        room.store.delete(room.code)
        session.room_deleted = room.code

    _do(session, room, delete)


def _join(state: RoomState) -> str:
    """The address that phones open."""
    return f"{state.options.address}/j/{state.code}"
