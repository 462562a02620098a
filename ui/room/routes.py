"""The routes of rooms: phones join and draw, walls look on, and whoever wants opens a room.

    GET  /room                   a page with one button
    POST /room                   opens a room; the browser gets the presenter's right and goes there
    GET  /j/CODE                 the phones' page
    POST /j/CODE/phone           joins
    GET  /j/CODE/now             what is asked for, and how many drawings the phone has sent
    POST /j/CODE/drawings        a drawing -> what is read in it, once it is stored
    POST /j/CODE/remove          removes all that the phone has sent
    GET  /wall/CODE              the wall, for a second screen
    GET  /wall/CODE/tiles        what it shows now

A phone is its token and a presenter their secret, both in cookies that no script and no other site
can use. Whatever changes anything is a POST from a page of this server. A drawing is confirmed
after it is stored. Phones ask for news every 1.5 seconds: unlike an open stream, a question
survives sleep, a change of network and a restart of the server, and it costs a millisecond.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from nn import judge
from nn.drawing.preprocessing import preprocess
from nn.mnist import CLASSES
from ui import i18n, web
from ui.config import Config, ConfigError
from ui.database import StoreError
from ui.web import RefusedError

from . import pages, strokes, wall
from .room import Room, Rooms
from .store import CODE, TASKS, RoomError, RoomState, Sent

PHONE = "digit-lab-phone"  # the cookie of a phone, for its room's path
PRESENTER = "digit-lab-room-"  # and of a presenter, with the room's code
KEPT_SECONDS = 7 * 24 * 3600
KEY = re.compile(r"[0-9a-f]{32}")
LARGEST_FORM = 2000  # bytes
HERE = ("localhost", "127.0.0.1", "::1")  # names of this machine that only it understands
WRONG_PASSWORD_SECONDS = 1.0
THREADS = 16  # that read and store drawings; the others are for walls and pages
RETRY_SECONDS = 1  # after which a phone may try again that was too fast
STATUSES = {
    "wrong": 400,
    "stranger": 401,
    "origin": 403,
    "password": 403,
    "wall": 403,
    "unknown": 404,
    "off": 404,
    "ended": 410,
    "large": 413,
    "type": 415,
    "fast": 429,
    "many": 429,
    "database": 503,
    "late": 503,
}  # of HTTP, by the kind of an error; 409 for all others


ERRORS = (RoomError, StoreError, RefusedError, ConfigError)  # that have a sentence

Answer = Callable[[Request], Awaitable[Response]]


class Routes:
    """The routes of rooms.

    Parameters
    ----------
    config : returns the server's settings
    rooms : returns the rooms; None where the database is off
    giving_way : while a drawing is read, training gives way
    """

    def __init__(
        self,
        config: Callable[[], Config],
        rooms: Callable[[], Rooms | None],
        giving_way: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._config, self._rooms, self._giving_way = config, rooms, giving_way
        self._one_by_one = threading.Lock()  # readings: two would only hold each other up
        self._threads = CapacityLimiter(THREADS)
        self._guessing = asyncio.Lock()
        self._drawing: set[str] = set()  # the tokens of phones whose drawings are under way
        self._held: dict[str, float] = {}  # of those that sent too fast, until when they must wait

    def all(self) -> list[Route]:
        """The routes, for the server."""
        return [
            Route("/room", _answered(self.offer, _page), methods=["GET"]),
            Route("/room", _answered(self.open, _page), methods=["POST"]),
            Route("/j/{code}", _answered(self.join_page, _page), methods=["GET"]),
            Route("/j/{code}/phone", _answered(self.join, _json), methods=["POST"]),
            Route("/j/{code}/now", _answered(self.now, _json), methods=["GET"]),
            Route("/j/{code}/drawings", _answered(self.draw, _json), methods=["POST"]),
            Route("/j/{code}/remove", _answered(self.remove, _json), methods=["POST"]),
            Route("/wall/{code}", _answered(self.wall_page, _page), methods=["GET"]),
            Route("/wall/{code}/tiles", _answered(self.tiles, _json), methods=["GET"]),
        ]

    # Opening a room

    async def offer(self, request: Request) -> Response:
        """A page with what a room is, a button that opens one, and the browser's own rooms."""
        rooms, own = self._known(), []
        for code in (name.removeprefix(PRESENTER) for name in request.cookies):
            if CODE.fullmatch(code):
                room = await to_thread.run_sync(rooms.room, code)
                if room is not None and room.state and is_presenter(request.cookies, room.state):
                    own.append(code)
        return pages.opening(password=bool(self._config().room_password), own=own)

    async def open(self, request: Request) -> Response:
        """Open a room, and go to its page with the presenter's right."""
        rooms, config = self._known(), self._config()
        form = parse_qs(
            (await self._body(request, "application/x-www-form-urlencoded")).decode(
                errors="replace"
            )
        )
        if config.room_password:
            given = form.get("password", [""])[0]
            if not hmac.compare_digest(given.encode(), config.room_password.encode()):
                async with self._guessing:  # so that guessing takes long, also many at once
                    await asyncio.sleep(WRONG_PASSWORD_SECONDS)
                raise RoomError("password")
        reached = web.reached_by(request, behind_proxy=self._is_behind_proxy())
        address = reachable(reached)
        code, secret = await to_thread.run_sync(rooms.store.open, address)
        response = RedirectResponse(f"/?room={code}", 303)
        _set_cookie(response, PRESENTER + code, secret, "/", reached)
        return response

    # Phones

    async def join_page(self, request: Request) -> Response:
        """The phones' page; of a room that has ended it says so, and can still remove drawings."""
        room, _ = await self._room(request, ended=True)
        if request.path_params["code"] != room.code:  # the cookie's path is in capital letters
            return RedirectResponse(f"/j/{room.code}")
        return pages.join(room.code)

    async def join(self, request: Request) -> Response:
        """A phone joins, or says that it is there again."""
        await self._body(request, "application/json")
        room, state = await self._room(request)
        token = request.cookies.get(PHONE, "")
        known = await to_thread.run_sync(room.phone, token)
        if known is not None:
            return JSONResponse(self._now(room, state, known))
        token, number = await to_thread.run_sync(room.store.join, room.code)
        response = JSONResponse(self._now(room, state, number))
        reached = web.reached_by(request, behind_proxy=self._is_behind_proxy())
        _set_cookie(response, PHONE, token, f"/j/{room.code}", reached)
        return response

    async def now(self, request: Request) -> Response:
        """What is asked for now."""
        room, state = await self._room(request)
        return JSONResponse(self._now(room, state, await self._phone(request, room)))

    async def draw(self, request: Request) -> Response:
        """Read a drawing, store it, and say what was read."""
        config, token, now = self._config(), request.cookies.get(PHONE, ""), time.monotonic()
        self._held = {each: until for each, until in self._held.items() if until > now}
        if token in self._drawing or token in self._held:
            raise RoomError("fast")
        self._drawing.add(token)
        try:
            body = await self._body(request, "application/json", config.drawing_bytes)
            room, state = await self._room(request)
            if room.sent(await self._phone(request, room)) >= config.phone_drawings:
                raise RoomError("limit", limit=config.phone_drawings)
            take = partial(self._take, room, token, body)
            found = await to_thread.run_sync(take, limiter=self._threads)
        except RoomError as error:
            if error.kind in ("fast", "limit"):
                self._held[token] = now + RETRY_SECONDS
            raise
        finally:
            self._drawing.discard(token)
        return JSONResponse({**found, "waits": found["waits"] or state.options.approve})

    def _take(self, room: Room, token: str, body: bytes) -> dict[str, int | bool | None]:
        """Read a drawing and store it."""
        with self._one_by_one, self._giving_way():
            sent, second = _read(room, token, body)
        count = room.add(sent)
        return {
            "reads": sent.said,
            "runner_up": second,
            "sent": count,
            "waits": not sent.accepted,
        }

    async def remove(self, request: Request) -> Response:
        """Remove all that the phone has sent."""
        await self._body(request, "application/json")
        room, _ = await self._room(request, ended=True)
        await to_thread.run_sync(room.remove_phone, request.cookies.get(PHONE, ""))
        return JSONResponse({"sent": 0})

    def _now(self, room: Room, state: RoomState, phone: int) -> dict[str, Any]:
        order = Random(f"{room.code} {phone}").sample(range(CLASSES), CLASSES)
        return {
            "task": state.task,
            "number": state.task_number,
            "state": state.state,
            "sent": room.sent(phone),
            "limit": self._config().phone_drawings,
            "order": order,
        }

    async def _phone(self, request: Request, room: Room) -> int:
        token = request.cookies.get(PHONE, "")
        known = room.knows(token)
        phone = room.phone(token) if known else await to_thread.run_sync(room.phone, token)
        if phone is None:
            raise RoomError("stranger")
        return phone

    # The wall

    async def wall_page(self, request: Request) -> Response:
        """The wall as a page of its own."""
        _, state = await self._room(request, ended=True)
        if not _may_see(request, state):
            raise RoomError("wall")
        return pages.wall(state, request.query_params.get("key", ""))

    async def tiles(self, request: Request) -> Response:
        """What the wall shows now; all that is shown to the presenter alone with `presenter=1`."""
        room, state = await self._room(request, ended=True)
        if not _may_see(request, state):
            raise RoomError("wall")
        asked = request.query_params
        only = asked.get("only", "all")
        if only not in wall.FILTERS:
            raise RefusedError(400, f"expected only={'|'.join(wall.FILTERS)}")
        found = await to_thread.run_sync(
            lambda: wall.view(
                room,
                state,
                presenter="presenter" in asked and is_presenter(request.cookies, state),
                only=only,
                digit=_whole(asked, "digit", CLASSES - 1),
                page=_whole(asked, "page", 10**6) or 0,
                known=_whole(asked, "known", 10**9) or 0,
            )
        )
        return JSONResponse(found)

    # What all have in common

    def _known(self) -> Rooms:
        rooms = self._rooms()
        if rooms is None or self._config().rooms == 0:
            raise RoomError("off")
        return rooms

    async def _room(self, request: Request, *, ended: bool = False) -> tuple[Room, RoomState]:
        """The room that is asked for; one that has ended only where that is said."""
        code = request.path_params["code"].upper()
        room = None
        if CODE.fullmatch(code):
            rooms = self._known()
            room = rooms.fresh(code) or await to_thread.run_sync(rooms.room, code)
        if room is None or room.state is None:
            raise RoomError("unknown")
        if room.state.ended and not ended:
            raise RoomError("ended")
        return room, room.state

    def _is_behind_proxy(self) -> bool:
        return self._config().behind_proxy == "yes"

    async def _body(self, request: Request, kind: str, largest: int = LARGEST_FORM) -> bytes:
        """The body of a request that may change something."""
        if not web.is_from_own_page(request, behind_proxy=self._is_behind_proxy()):
            raise RoomError("origin")
        if web.kind(request) != kind:
            raise RoomError("type")
        return await web.body(request, largest, kind)


def _answered(answer: Answer, refuse: Callable[[str, str, int], Response]) -> Answer:
    """An answer in the asker's language; `refuse` says why there is none."""

    async def answered(request: Request) -> Response:
        i18n.spoken.set(_language(request))
        try:
            return await answer(request)
        except ERRORS as error:
            kind, sentence = _explained(error)
            return refuse(kind, sentence, STATUSES.get(kind, 409))

    return answered


def _json(kind: str, sentence: str, status: int) -> Response:
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 429 else None
    return JSONResponse({"error": kind, "sentence": sentence}, status, headers)


def _page(kind: str, sentence: str, status: int) -> Response:
    if kind == "password":
        return pages.opening(password=True, complaint=sentence, status=status)
    return pages.sentence(sentence, status)


def is_presenter(cookies: Mapping[str, str], state: RoomState) -> bool:
    """Whether a browser with these cookies is the room's presenter's."""
    return state.is_presenter(str(cookies.get(PRESENTER + state.code, "")))


def reachable(address: str) -> str:
    """An address of this server that others on the local network reach, too."""
    parts = urlsplit(address)
    if parts.hostname not in HERE:
        return address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: it only chooses our own address
            host = probe.getsockname()[0]
        except OSError:  # no network at all
            return address
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def _explained(error: Exception) -> tuple[str, str]:
    """The kind of an error, and its sentence."""
    if isinstance(error, RoomError):
        return error.kind, str(error)
    if isinstance(error, StoreError):
        return "database", str(i18n.ROOM_ERRORS["database"])
    if isinstance(error, ConfigError):
        return "off", str(i18n.ROOM_ERRORS["off"])
    kinds = {408: "late", 413: "large"}
    kind = kinds.get(error.status, "wrong") if isinstance(error, RefusedError) else "wrong"
    return kind, str(i18n.ROOM_ERRORS[kind]).format(error=error)


def _language(request: Request) -> str:
    """The first language that the browser asks for and the page speaks."""
    asked = request.headers.get("accept-language", "").lower()
    names = (part.partition(";")[0].strip().partition("-")[0] for part in asked.split(","))
    return next((name for name in names if name in i18n.CATALOGUES), i18n.FALLBACK)


def _read(room: Room, token: str, body: bytes) -> tuple[Sent, int | None]:
    """A drawing from JSON, and what comes second in it; RefusedError where it is none."""
    try:
        found = json.loads(body, parse_constant=_no_number)
        key, task, label = found["key"], found["task"], found["label"]
        if not isinstance(key, str) or not KEY.fullmatch(key):
            raise ValueError("expected a key of 32 hexadecimal digits")
        if task not in TASKS:
            raise ValueError("expected a task")
        if type(label) is not int or not 0 <= label < CLASSES:
            raise ValueError("expected a label from 0 to 9")
        drawn = strokes.check(found["strokes"])
    except (TypeError, KeyError, RecursionError):
        raise RefusedError(400, "expected key, task, label and strokes") from None
    except ValueError as error:
        raise RefusedError(400, str(error)) from None
    steps = preprocess(strokes.picture(drawn))
    if steps is None:
        raise RefusedError(400, "expected strokes with ink")
    reading = None if room.reader is None else judge(room.reader, steps)
    said, second = (reading.digit, reading.runner_up) if reading else (None, None)
    image = np.rint(steps.input * 255).astype(np.uint8)
    sent = Sent(token, key, task, label, drawn, image, said, room.accepts(steps))
    return sent, second


def _no_number(name: str) -> float:
    raise ValueError(f"expected numbers, got {name}")


def _whole(asked: Mapping[str, str], name: str, most: int) -> int | None:
    """A whole number of an address; None where it is not there."""
    text = asked.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= most):
        raise RefusedError(400, f"expected {name} as a whole number from 0 to {most}")
    return int(text)


def _may_see(request: Request, state: RoomState) -> bool:
    """Whether a browser may see the wall: the presenter's, and whoever has the wall's address."""
    key = request.query_params.get("key", "")
    return hmac.compare_digest(key.encode(), state.wall_key.encode()) or is_presenter(
        request.cookies, state
    )


def _set_cookie(response: Response, name: str, value: str, path: str, reached: str) -> None:
    """A cookie that scripts and other sites cannot use."""
    response.set_cookie(
        name,
        value,
        max_age=KEPT_SECONDS,
        path=path,
        secure=reached.startswith("https:"),
        httponly=True,
        samesite="strict",
    )
