"""The route /read: what it answers, what it refuses, and that it reads as the page does."""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import json
import threading
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request
from streamlit.testing.v1 import AppTest

from tests.ui.visitor import ONE, SEVEN, drawn, html, session_of
from ui import files, i18n, web
from ui.page import server, visit
from ui.session import BY_TOKEN, Session
from ui.training.scheduler import Scheduler
from ui.view import elements

T = TypeVar("T")
FOUR_AND_ONE = [((40, 80), (40, 180)), ((40, 180), (140, 180)), ((100, 80), (100, 280)), ONE[0]]


def png(strokes: list, side: int = 352) -> bytes:
    """What the slate sends."""
    data: str = drawn(strokes, side)["drawing"]["data"]
    return base64.b64decode(data.partition(",")[2])


def request(
    *chunks: bytes, kind: str = "image/png", token: str = "", method: str = "POST"
) -> Request:
    parts = list(chunks)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    headers = [(b"content-type", kind.encode())]
    if token:
        headers.append((b"x-digit-lab-page", token.encode()))
    scope = {"type": "http", "method": method, "path": "/read", "headers": headers}
    return Request(scope, receive)


def run(work: Coroutine[Any, Any, T]) -> T:
    """What it returns; in a thread, as the browser tests leave an event loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def answer(*requests: Request) -> list[tuple[int, dict[str, Any]]]:
    """The status and JSON of each, asked at once."""

    async def ask() -> list[Any]:
        return await asyncio.gather(*map(server.read, requests))

    return [(got.status_code, json.loads(bytes(got.body))) for got in run(ask())]


def read(*chunks: bytes, **settings: str) -> tuple[int, dict[str, Any]]:
    return answer(request(*chunks, **settings))[0]


def test_without_a_page_the_shipped_network_reads() -> None:
    status, got = read(png(SEVEN))
    assert status == 200
    assert got.keys() == {"digit", "runner_up", "confidence", "probabilities", "input"}
    assert got["digit"] == 7
    assert got["confidence"] == pytest.approx(max(got["probabilities"]))
    found = files.slate_digits(png(SEVEN))
    assert found is not None
    pixels = np.frombuffer(base64.b64decode(got["input"]), np.uint8)
    np.testing.assert_allclose(pixels / 255, found.whole.input, atol=0.5 / 255 + 1e-6)


def test_several_digits_and_the_least_certain_of_them() -> None:
    _, got = read(png(FOUR_AND_ONE))
    assert got["digits"] == "41"
    assert got["digit"] in (4, 1)


def test_a_blank_slate_has_no_digit() -> None:
    status, got = read(png([]))
    assert status == 200
    assert got["digit"] is None
    assert got["input"] == ""
    assert set(got["probabilities"]) == {0}


def test_a_picture_in_webp_and_in_parts() -> None:
    file = io.BytesIO()
    Image.open(io.BytesIO(png(SEVEN))).save(file, "WEBP", lossless=True)
    whole = file.getvalue()
    assert read(whole[:100], whole[100:], kind="image/webp")[1]["digit"] == 7


def test_of_the_same_pixels_route_and_page_say_the_same(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    _, got = read(png(SEVEN), token=session_of(page).token)
    shown = html(page)
    assert got["html"]["bars"] in shown
    assert got["html"]["network-input"] in shown
    assert elements.verdict(*_read_by(page), session_of(page).slate.changes) in shown
    assert got["html"]["verdict"] == elements.verdict(*_read_by(page))


def _read_by(page: AppTest) -> tuple[Any, Any]:
    session = session_of(page)
    found, network = session.slate.found, session.network
    assert found is not None
    assert network is not None
    return found, server.judge_number(network, found.digits)


def test_a_page_is_answered_by_its_own_reader_in_its_own_language(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.query_params["lang"] = "de"
    page.run()
    session = session_of(page)
    asked: list[object] = []
    judge = server.judge_number
    monkeypatch.setattr(
        server, "judge_number", lambda network, digits: asked.append(network) or judge(network, [])
    )
    session.network = visit.shipped("original")  # type: ignore[assignment]
    _, got = read(png(SEVEN), token=session.token)
    assert asked == [visit.shipped("original")]
    assert i18n.CATALOGUES["de"]["SEES"] in got["html"]["network-input"]


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (400, request(b"")),
        (400, request(b"no picture")),
        (400, request(png(SEVEN)[:500])),
        (403, request(png(SEVEN), token="nobody's")),
        (403, request(token="nobody's", method="DELETE")),
        (405, request(method="GET")),
        (403, request(method="DELETE")),
        (405, request(png(SEVEN), method="PUT")),
        (413, request(*[bytes(1_000_000)] * 10)),
        (413, request(png([], side=1025))),
        (415, request(b"{}", kind="application/json")),
        (415, request(png(SEVEN), kind="")),
    ],
)
def test_anything_else_is_refused_with_a_sentence(
    status: int, asked: Request, caplog: pytest.LogCaptureFixture
) -> None:
    got, said = answer(asked)[0]
    assert got == status
    assert said["error"].startswith("expected ")
    assert len(caplog.records) <= 1


def test_a_decompression_bomb_is_refused_undecoded() -> None:
    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, "PNG")
    assert len(file.getvalue()) < 100_000
    assert read(file.getvalue())[0] == 413


def _held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Readings wait until this is set."""
    go, find = threading.Event(), server.slate_digits

    def wait(picture: bytes) -> object:
        assert go.wait(30)
        return find(picture)

    monkeypatch.setattr(server, "slate_digits", wait)
    return go


async def _others_while_held(held: Iterable[Request], more: Request, go: threading.Event) -> Any:
    under_way = [asyncio.create_task(server.read(each)) for each in held]
    await asyncio.sleep(0)
    refused = await server.read(more)
    go.set()
    return refused, [got.status_code for got in await asyncio.gather(*under_way)]


def test_more_at_once_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "AT_ONCE", 3)
    held = [request(png(SEVEN)) for _ in range(3)]
    refused, done = run(_others_while_held(held, request(png(SEVEN)), _held(monkeypatch)))
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert done == [200, 200, 200]
    assert read(png(SEVEN))[0] == 200  # nobody holds a place any more


def test_a_page_asks_for_one_reading_at_a_time(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.run()
    token = session_of(page).token
    held = [request(png(SEVEN), token=token)]
    refused, done = run(
        _others_while_held(held, request(png(SEVEN), token=token), _held(monkeypatch))
    )
    assert (refused.status_code, done) == (429, [200])
    assert read(png(SEVEN), token=token)[0] == 200


def test_the_pen_is_taken_to_move_from_a_picture_on_until_it_is_lifted(page: AppTest) -> None:
    page.run()
    session = session_of(page)
    assert read(png(SEVEN), token=session.token)[0] == 200
    assert session.slate.pen_until > 0
    lifted = run(server.read(request(method="DELETE", token=session.token)))
    assert (lifted.status_code, lifted.body) == (204, b"")
    assert session.slate.pen_until == 0


def test_a_page_that_is_gone_leaves_no_token() -> None:
    session = Session("ada", Scheduler(visit.data.mnist))
    token = session.token
    assert BY_TOKEN[token] is session
    del session
    gc.collect()
    assert token not in BY_TOKEN


def test_a_body_that_does_not_come_holds_no_place_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web, "BODY_SECONDS", 0.05)
    stuck = request()

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    stuck._receive = receive
    assert answer(stuck)[0][0] == 408
    assert not server._reading


def test_the_server_listens_while_it_gets_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    may_end = threading.Event()
    monkeypatch.setattr(server, "_get_ready", lambda: may_end.wait(10))

    async def start() -> bool:
        async with server.ready(None):  # type: ignore[arg-type]
            waited = may_end.is_set()
            may_end.set()
        return waited

    assert run(start()) is False


def test_the_server_gets_ready_whatever_is_wrong(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page.run()  # it has Streamlit's runtime

    def fail() -> None:
        raise OSError("no data")

    monkeypatch.setattr(server.data, "mnist", fail)

    async def start() -> None:
        async with server.ready(None):  # type: ignore[arg-type]
            pass

    run(start())
    assert "not everything is ready" in caplog.text
