"""The routes of rooms: who gets in, what is confirmed, and what is refused with a sentence."""

from __future__ import annotations

import json
import re
import socket
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.ui.room.client import HOST, STROKES, Browser, Server, serve
from ui import i18n
from ui.database import StoreError
from ui.room import routes
from ui.room import store as rooms
from ui.room.store import Limits, RoomStore

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return serve(f"sqlite:///{tmp_path}/rooms.sqlite3")


def opened(server: Server) -> tuple[Browser, str]:
    """A presenter, and the code of their room."""
    presenter = Browser(server)
    answer = presenter.submit("/room")
    assert answer.status == 303
    code = re.fullmatch(r"/\?room=([A-Z]{5})", answer.headers["location"])
    assert code
    return presenter, code[1]


def joined(server: Server, code: str, language: str = "en") -> Browser:
    phone = Browser(server, language)
    assert phone.post(f"/j/{code}/phone").status == 200
    return phone


def refusal(kind: str, language: str = "en", **said: object) -> dict[str, str]:
    sentence = i18n.CATALOGUES[language]["ROOM_ERRORS"][kind].format(**said)
    return {"error": kind, "sentence": sentence}


# Opening


def test_opening_gives_the_presenters_right_in_a_cookie_and_in_no_link(server: Server) -> None:
    assert "<form" in Browser(server).get("/room").text
    presenter, code = opened(server)
    name = f"digit-lab-room-{code}"
    assert presenter.cookies.keys() == {name}
    secret = presenter.cookies[name][0]
    assert f'href="/?room={code}"' in presenter.get("/room").text  # where the tab was lost
    assert code not in Browser(server).get("/room", cookie=f"{name}=x").text
    assert "HttpOnly" in presenter.set_cookie
    assert "samesite=strict" in presenter.set_cookie.lower()
    assert "secure" not in presenter.set_cookie.lower()
    room = server.rooms.room(code)  # type: ignore[union-attr]
    assert room is not None
    assert room.state is not None
    assert secret not in repr(vars(room.state))
    assert room.state.options.address == f"http://{HOST}"


def test_behind_a_trusted_proxy_the_forwarded_address_counts(tmp_path: Path) -> None:
    forwarded = {
        "content-type": FORM,
        "origin": "https://digits.example",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "digits.example",
    }
    url = f"sqlite:///{tmp_path}/rooms.sqlite3"
    assert Browser(serve(url)).post("/room", b"open=1", **forwarded).status == 403
    server = serve(url, behind_proxy="yes")
    presenter = Browser(server)
    code = presenter.post("/room", b"open=1", **forwarded).headers["location"][-5:]
    assert "secure" in presenter.set_cookie.lower()
    room = server.rooms.room(code)  # type: ignore[union-attr]
    assert room.state.options.address == "https://digits.example"  # type: ignore[union-attr]


def test_a_room_may_need_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "WRONG_PASSWORD_SECONDS", 0.0)
    server = serve(f"sqlite:///{tmp_path}/rooms.sqlite3", room_password="Schlüssel")
    visitor = Browser(server)
    assert 'type="password"' in visitor.get("/room").text
    for wrong in ("", "schlüssel"):
        answer = visitor.submit("/room", password=wrong)
        assert answer.status == 403
        assert i18n.ROOM_ERRORS["password"] in answer.text
        assert visitor.cookies == {}
    assert visitor.submit("/room", password="Schlüssel").status == 303


@pytest.mark.parametrize("origin", ["", "null", "http://evil.example", f"http://{HOST}.evil"])
def test_what_changes_anything_must_come_from_our_own_page(server: Server, origin: str) -> None:
    _, code = opened(server)
    phone = joined(server, code)
    for path in ("/room", f"/j/{code}/phone", f"/j/{code}/drawings", f"/j/{code}/remove"):
        answer = phone.post(path, b"{}", origin=origin)
        assert answer.status == 403, path
        assert i18n.ROOM_ERRORS["origin"] in answer.text


def test_only_post_changes_anything_and_only_with_json_or_a_form(server: Server) -> None:
    _, code = opened(server)
    phone = joined(server, code)
    for path in (f"/j/{code}/phone", f"/j/{code}/drawings", f"/j/{code}/remove"):
        assert phone.get(path).status == 405
        answer = phone.post(path, b"{}", **{"content-type": "text/plain"})
        assert (answer.status, answer.json) == (415, refusal("type"))
    assert phone.post("/room", {}).status == 415


def test_a_server_without_rooms_says_so(tmp_path: Path) -> None:
    for server in (Server(None), serve(f"sqlite:///{tmp_path}/rooms.sqlite3", rooms=0)):
        for answer in (Browser(server).get("/room"), Browser(server).submit("/room")):
            assert answer.status == 404
            assert i18n.ROOM_ERRORS["off"] in answer.text
        assert Browser(server).get("/j/BCDFG/now").json == refusal("off")


# The phones' page


def test_the_page_is_small_asks_nobody_else_and_speaks_the_phones_language(server: Server) -> None:
    _, code = opened(server)
    for language, spoken in {"de-AT,de;q=0.9": "de", "fr": "en", "en": "en", "": "en"}.items():
        answer = Browser(server, language).get(f"/j/{code}")
        assert answer.status == 200
        assert len(answer.body) <= 30_000
        assert f'<html lang="{spoken}"' in answer.text
        assert not re.findall(r'(?:src|href)="(?!data:)', answer.text)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'nonce-")
        nonce = re.findall(r"'nonce-([^']+)'", policy)
        assert len(set(nonce)) == 1
        assert f'<script nonce="{nonce[0]}">' in answer.text


def test_a_code_in_small_letters_leads_to_the_one_in_capitals(server: Server) -> None:
    """The phone's cookie is for the path in capital letters alone."""
    _, code = opened(server)
    answer = Browser(server).get(f"/j/{code.lower()}")
    assert (answer.status, answer.headers["location"]) == (307, f"/j/{code}")


@pytest.mark.parametrize("code", ["BCDFG", "AEIOU", "B", "BCDFGH", "12345", "%3Cb%3E", "..."])
def test_an_unknown_code_is_a_sentence(server: Server, code: str) -> None:
    opened(server)
    answer = Browser(server, "de").get(f"/j/{code}")
    assert answer.status == 404
    assert i18n.CATALOGUES["de"]["ROOM_ERRORS"]["unknown"] in answer.text
    assert Browser(server).post(f"/j/{code}/phone").json == refusal("unknown")
    assert Browser(server).get(f"/wall/{code}/tiles").json == refusal("unknown")


def test_a_phone_joins_once_and_hears_of_a_new_task(server: Server) -> None:
    _, code = opened(server)
    phone = joined(server, code)
    assert "HttpOnly" in phone.set_cookie
    assert f"Path=/j/{code}" in phone.set_cookie
    now = phone.post(f"/j/{code}/phone").json  # again, such as after a reload
    assert sorted(now.pop("order")) == list(range(10))
    assert now == {"task": "random", "number": 1, "state": "open", "sent": 0, "limit": 100}
    room = server.rooms.room(code)  # type: ignore[union-attr]
    assert room is not None
    room.store.set_task(code, "7", after=1)
    room.look(now=True)
    assert phone.get(f"/j/{code}/now").json["task"] == "7"
    assert room.state.phones == 1  # type: ignore[union-attr]


def test_digits_per_phone_fill_up_evenly(tmp_path: Path) -> None:
    server = serve(f"sqlite:///{tmp_path}/rooms.sqlite3", Limits(phones_per_second=1000))
    _, code = opened(server)
    orders = [joined(server, code).get(f"/j/{code}/now").json["order"] for _ in range(30)]
    assert all(sorted(order) == list(range(10)) for order in orders)
    first = Counter(order[0] for order in orders)
    assert len(first) >= 8  # about three phones begin with each digit
    assert max(first.values()) <= 9


# Drawings


def test_a_drawing_is_read_and_confirmed_once_it_is_stored(server: Server) -> None:
    _, code = opened(server)
    phone = joined(server, code)
    answer = phone.draw(code, 1)
    assert (answer.status, answer.json) == (
        200,
        {"reads": 7, "runner_up": None, "sent": 1, "waits": False},
    )
    assert phone.draw(code, 1).json["sent"] == 1
    assert phone.draw(code, 2, label=1, task="free").json["sent"] == 2
    assert phone.get(f"/j/{code}/now").json["sent"] == 2
    drawings = server.rooms.store.drawings(code)  # type: ignore[union-attr]
    assert [(it.label, it.said, it.task) for it in drawings] == [(7, 7, "random"), (1, 7, "free")]
    assert phone.post(f"/j/{code}/remove").json == {"sent": 0}
    assert server.rooms.store.drawings(code) == []  # type: ignore[union-attr]


def test_a_drawing_that_is_no_digit_waits_for_the_presenter(server: Server) -> None:
    _, code = opened(server)
    blot = [[x, 200, x, 800] for x in range(200, 800, 40)]
    answer = joined(server, code).draw(code, strokes=blot).json
    assert (answer["reads"], answer["waits"]) == (None, True)
    assert not server.rooms.store.drawings(code)[0].shown  # type: ignore[union-attr]


WRONG: dict[str, Any] = {
    "no JSON": b"{",
    "no text": b"\xff\xfe",
    "a list": b"[]",
    "NaN": b'{"key": "%032x", "task": "free", "label": NaN, "strokes": [[1, 2]]}' % 1,
    "deep": b"[" * 9000,
    "a label of 11": {"label": 11},
    "a label below 0": {"label": -1},
    "a label in words": {"label": "7"},
    "a label that is true": {"label": True},
    "an unknown task": {"task": "<b>"},
    "a key too short": {"key": "12"},
    "a key of another kind": {"key": 12},
    "no strokes": {"strokes": []},
    "strokes in words": {"strokes": "7"},
    "an empty stroke": {"strokes": [[]]},
    "half a point": {"strokes": [[1, 2, 3]]},
    "a point far away": {"strokes": [[1, 100_000]]},
    "a fraction": {"strokes": [[1.5, 2]]},
    "nothing": {"strokes": None},
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_a_sentence_and_nothing_is_stored(server: Server, name: str) -> None:
    _, code = opened(server)
    phone, wrong = joined(server, code), WRONG[name]
    if isinstance(wrong, bytes):
        answer = phone.post(f"/j/{code}/drawings", wrong)
    else:
        answer = phone.draw(code, **wrong)
    assert answer.status == 400
    assert answer.json["error"] == "wrong"
    assert "Traceback" not in answer.text
    assert server.rooms.store.drawings(code) == []  # type: ignore[union-attr]
    assert phone.draw(code).status == 200


def test_a_million_points_are_too_many(server: Server) -> None:
    _, code = opened(server)
    phone = joined(server, code)
    answer = phone.draw(code, strokes=[[1, 2] * 1_000_000])
    assert answer.status == 413
    assert answer.json["error"] == "large"


def test_the_most_that_is_allowed_is_read(server: Server) -> None:
    _, code = opened(server)
    points = [500, 999] * 1000
    body = {"key": "0" * 32, "task": "free", "label": 1, "strokes": [points]}
    assert len(json.dumps(body)) < 20_000
    assert joined(server, code).post(f"/j/{code}/drawings", body).status == 200


def test_a_phone_that_sends_fifty_at_once_is_slowed_down(tmp_path: Path) -> None:
    server = serve(f"sqlite:///{tmp_path}/rooms.sqlite3", Limits(drawings_per_second=3))
    _, code = opened(server)
    phone, other = joined(server, code), joined(server, code)
    answers = [phone.draw(code, key) for key in range(50)]
    refused = [answer for answer in answers if answer.status != 200]
    assert refused
    for answer in refused:
        assert (answer.status, answer.json) == (429, refusal("fast"))
        assert answer.headers["retry-after"] == "1"
    assert other.draw(code).status == 200  # others notice nothing


def test_a_phone_at_its_limit_is_refused_before_its_drawing_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(f"sqlite:///{tmp_path}/rooms.sqlite3", Limits(drawings=1), phone_drawings=1)
    _, code = opened(server)
    phone = joined(server, code)
    assert phone.draw(code).status == 200
    monkeypatch.setattr(routes, "_read", None)
    assert phone.draw(code, 2).json == refusal("limit", limit=1)


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_while_writing_is_paused_or_closed_nothing_is_taken(server: Server, state: str) -> None:
    _, code = opened(server)
    phone = joined(server, code, "de")
    room = server.rooms.room(code)  # type: ignore[union-attr]
    assert room is not None
    room.store.set_state(code, state)
    room.look(now=True)
    answer = phone.draw(code)
    assert (answer.status, answer.json) == (409, refusal(state, "de"))


def test_a_room_that_has_ended(server: Server) -> None:
    _, code = opened(server)
    phone = joined(server, code)
    phone.draw(code)
    room = server.rooms.room(code)  # type: ignore[union-attr]
    assert room is not None
    room.store.end(code)
    room.look(now=True)
    for answer in (
        phone.draw(code, 2),
        phone.get(f"/j/{code}/now"),
        phone.post(f"/j/{code}/phone"),
    ):
        assert (answer.status, answer.json) == (410, refusal("ended"))
    assert phone.post(f"/j/{code}/remove").json == {"sent": 0}


def test_the_database_is_gone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    _, code = opened(server)
    phone = joined(server, code)

    def gone(*_: object, **__: object) -> None:
        raise StoreError("no room left on the disk /srv/secret.sqlite3")

    monkeypatch.setattr(RoomStore, "add", gone)
    answer = phone.draw(code)
    assert (answer.status, answer.json) == (503, refusal("database"))
    monkeypatch.setattr(RoomStore, "find", gone)
    room = server.rooms.room(code)  # type: ignore[union-attr]
    assert room is not None
    room._looked = float("-inf")
    for path in (f"/j/{code}/now", f"/wall/{code}/tiles"):
        assert Browser(server).get(path).json == refusal("database")
    page = Browser(server).get(f"/j/{code}")
    assert page.status == 503
    assert "secret" not in page.text


# Swapped tokens


def test_a_phone_sees_nothing_of_others_and_is_no_presenter(server: Server) -> None:
    presenter, code = opened(server)
    _, other = opened(server)
    ada, ben = joined(server, code), joined(server, code)
    ada.draw(code)
    token = ben.cookies["digit-lab-phone"][0]
    name = f"digit-lab-room-{code}"
    secret = presenter.cookies[name][0]
    for cookie in ("", f"digit-lab-phone={token}", f"{name}={token}", f"{name}=", f"x={secret}"):
        for path in (f"/wall/{code}/tiles", f"/wall/{code}", f"/wall/{code}/tiles?presenter=1"):
            answer = ben.get(path, cookie=cookie)
            assert answer.status == 403
            assert "images" not in answer.text
    assert ben.get(f"/wall/{code}/tiles?key={token}").status == 403
    for stranger in (Browser(server), presenter):
        assert stranger.get(f"/j/{code}/now").status == 401
        assert stranger.draw(code, 9).json == refusal("stranger")
    swapped = f"digit-lab-phone={secret}"
    assert ben.post(f"/j/{code}/remove", cookie=swapped).status == 401
    assert ben.get(f"/j/{other}/now", cookie=f"digit-lab-phone={token}").status == 401
    ben.post(f"/j/{code}/remove")
    assert len(server.rooms.store.drawings(code)) == 1  # type: ignore[union-attr]
    assert presenter.get(f"/wall/{code}/tiles", cookie=f"{name}={secret}").status == 200
    assert presenter.get(f"/wall/{other}/tiles").status == 403


# The wall


def test_the_wall_shows_drawings_with_what_is_read_in_them(server: Server) -> None:
    presenter, code = opened(server)
    phone, held_out = joined(server, code), joined(server, code)
    phone.draw(code, 1)
    phone.draw(code, 2, label=1)
    held_out.draw(code, 3, label=1, strokes=STROKES[1])
    _look(server, code)
    wall = presenter.get(f"/wall/{code}/tiles").json
    assert (wall["writers"], wall["drawings"], wall["test"]) == (
        2,
        3,
        {"drawings": 1, "writers": 1},
    )
    assert [(tile["label"], tile["said"]) for tile in wall["tiles"]] == [(1, 1), (1, 7), (7, 7)]
    assert {score["name"]: score["right"] for score in wall["scores"]}["best"] == 2
    assert wall["images"].keys() == {str(tile["number"]) for tile in wall["tiles"]}
    newest = max(tile["number"] for tile in wall["tiles"])
    assert presenter.get(f"/wall/{code}/tiles?known={newest}").json["images"] == {}
    misread = presenter.get(f"/wall/{code}/tiles?only=misread").json["tiles"]
    assert [(tile["label"], tile["said"]) for tile in misread] == [(1, 7)]
    ones = presenter.get(f"/wall/{code}/tiles?digit=1").json["tiles"]
    assert [tile["label"] for tile in ones] == [1, 1]


def test_only_the_presenter_sees_what_waits(server: Server) -> None:
    presenter, code = opened(server)
    room = server.rooms.room(code)  # type: ignore[union-attr]
    assert room is not None
    assert room.state is not None
    room.store.set_options(code, approve=True)
    joined(server, code).draw(code)
    _look(server, code)
    key = room.state.wall_key
    second_screen = (
        Browser(server).get(f"/wall/{code}/tiles?key={key}&presenter=1&only=waiting").json
    )
    assert (second_screen["tiles"], second_screen["waiting"]) == ([], 0)
    own = presenter.get(f"/wall/{code}/tiles?presenter=1&only=waiting").json
    assert (len(own["tiles"]), own["waiting"], own["drawings"]) == (1, 1, 0)
    room.store.set_options(code, hidden=True)
    room.store.show(code, [drawing.number for drawing in room.drawings])
    _look(server, code)
    assert Browser(server).get(f"/wall/{code}/tiles?key={key}&digit=7").json["tiles"] == []
    assert presenter.get(f"/wall/{code}/tiles?presenter=1").json["tiles"] == []
    assert Browser(server).get(f"/wall/{code}?key={key}").status == 200


@pytest.mark.parametrize("query", ["only=all%00", "digit=11", "digit=-1", "page=x", "known=1e9"])
def test_a_wrong_question_to_the_wall_is_a_sentence(server: Server, query: str) -> None:
    presenter, code = opened(server)
    answer = presenter.get(f"/wall/{code}/tiles?{query}")
    assert answer.status == 400
    assert answer.json["error"] == "wrong"


def test_a_wall_has_pages_of_200(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.room.wall.TILES", 2)
    presenter, code = opened(server)
    phone = joined(server, code)
    for key in range(3):
        phone.draw(code, key)
    _look(server, code)
    first = presenter.get(f"/wall/{code}/tiles").json
    older = presenter.get(f"/wall/{code}/tiles?page=1").json
    assert (len(first["tiles"]), first["pages"], len(older["tiles"])) == (2, 2, 1)
    assert presenter.get(f"/wall/{code}/tiles?page=99").json["page"] == 1
    numbers = [tile["number"] for tile in [*first["tiles"], *older["tiles"]]]
    assert numbers == sorted(numbers, reverse=True)


def test_words_from_outside_cannot_leave_their_place(server: Server) -> None:
    presenter, code = opened(server)
    room = server.rooms.room(code)  # type: ignore[union-attr]
    assert room is not None
    room.store.set_options(code, address="http://a</script><b>x", leaderboard=True)
    _look(server, code)
    for page in (presenter.get(f"/wall/{code}"), presenter.get(f"/wall/{code}?key=</script><b>")):
        assert "</script><b>" not in page.text
        assert "<b>x" not in page.text


def _look(server: Server, code: str) -> None:
    """See at once what was changed."""
    room = server.rooms.room(code)  # type: ignore[union-attr]
    assert room is not None
    room.look(now=True)


def test_an_address_that_only_this_machine_understands_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Probe:
        def __init__(self, *_: object) -> None: ...

        def __enter__(self) -> Probe:
            return self

        def __exit__(self, *_: object) -> None: ...

        def connect(self, _: object) -> None: ...

        def getsockname(self) -> tuple[str, int]:
            return "192.168.7.5", 4711

    monkeypatch.setattr(socket, "socket", Probe)
    for here in ("http://localhost:8501", "http://127.0.0.1:8501", "http://[::1]:8501"):
        assert routes.reachable(here) == "http://192.168.7.5:8501"
    assert routes.reachable("https://localhost") == "https://192.168.7.5"
    assert routes.reachable("http://lab.example:8501") == "http://lab.example:8501"

    def no_network(*_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(Probe, "connect", no_network)
    assert routes.reachable("http://localhost:8501") == "http://localhost:8501"


def test_rooms_are_forgotten_a_week_after_they_were_opened(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, code = opened(server)
    now = rooms._now
    joined(server, code).draw(code)
    monkeypatch.setattr(rooms, "_now", lambda: now() + timedelta(days=8))
    store = server.rooms.store  # type: ignore[union-attr]
    assert store.find(code) is None
    assert len(store.drawings(code)) == 1
    store.forget_old()
    assert store.drawings(code) == []
