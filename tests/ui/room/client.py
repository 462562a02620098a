"""A browser that asks the rooms' routes without a network: it keeps cookies, and has an origin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.applications import Starlette

from nn import Network
from ui.config import Config
from ui.page import visit
from ui.room.room import Rooms
from ui.room.routes import Routes
from ui.room.store import Limits, RoomStore

HOST = "lab.example:8501"
STROKES = {7: [[240, 190, 720, 190, 430, 830]], 1: [[500, 180, 500, 820]]}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Server:
    """A server's rooms and routes."""

    rooms: Rooms | None
    config: Config = field(default_factory=lambda: Config(database=None))

    def __post_init__(self) -> None:
        routes = Routes(lambda: self.config, lambda: self.rooms)
        self.app = Starlette(routes=routes.all())


def networks() -> dict[str, Network]:
    found = {name: visit.shipped(name) for name in visit.SHIPPED}
    return {name: each for name, each in found.items() if isinstance(each, Network)}


def serve(url: str, limits: Limits | None = None, **settings: Any) -> Server:
    store = RoomStore(url, limits)
    return Server(Rooms(store, networks), Config(database=None, **settings))


class Browser:
    """One visitor's."""

    def __init__(self, server: Server, language: str = "en") -> None:
        self.server, self.language = server, language
        self.cookies: dict[str, tuple[str, str]] = {}  # value and path, by name
        self.set_cookie = ""

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, b"", headers)

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        """JSON from a page of this server, unless the headers say otherwise."""
        raw = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        usual = {"content-type": "application/json", "origin": f"http://{HOST}"}
        return self._ask("POST", path, raw, {**usual, **headers})

    def submit(self, path: str, **fields: str) -> Answer:
        """A form of this server's page."""
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self.post(path, urlencode({"open": "1", **fields}).encode(), **kind)

    def draw(self, code: str, number: int = 1, **changed: Any) -> Answer:
        """Send a 7, the phone's drawing of that number, unless it is changed."""
        body = {"key": f"{number:032x}", "task": "random", "label": 7, "strokes": STROKES[7]}
        return self.post(f"/j/{code}/drawings", {**body, **changed})

    def _ask(self, method: str, address: str, body: bytes, headers: dict[str, str]) -> Answer:
        parts = urlsplit(address)
        sent = {"host": HOST, "accept-language": self.language, **headers}
        own = (f"{k}={v}" for k, (v, path) in self.cookies.items() if parts.path.startswith(path))
        sent.setdefault("cookie", "; ".join(own))
        scope = {
            "type": "http",
            "method": method,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in sent.items() if v],
            "scheme": "http",
            "server": ("127.0.0.1", 8501),
        }
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        run(lambda: self.server.app(scope, receive, send))
        got = [(k.decode(), v.decode()) for k, v in messages[0]["headers"]]
        for name, value in got:
            if name == "set-cookie":
                self.set_cookie = value
                for morsel in SimpleCookie(value).values():
                    self.cookies[morsel.key] = morsel.value, morsel["path"]
        whole = b"".join(message.get("body", b"") for message in messages[1:])
        return Answer(messages[0]["status"], dict(got), whole)


def run(work: Callable[[], Any]) -> Any:
    """In a thread, as the browser tests leave an event loop in this one."""

    async def do() -> Any:
        return await work()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, do()).result()
