"""What the server does beside the page: it gets ready, and answers what is no page of Streamlit's.

The routes of rooms are in `ui/room/routes.py`. Here the slate is read while the pen moves:

    POST /read    a PNG or WebP of the slate -> what the network reads, as JSON
    DELETE /read  the pen is lifted: the page may show again what a training run has learned

A page names the network that its visitor reads with by a token that nobody else has; without one
it is the shipped network. Nothing is stored. Beyond a few dozen readings at once, requests are
turned away: whoever draws sends the next picture anyway.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st
from anyio import CapacityLimiter, create_task_group, sleep, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nn import Network, PhotoError, judge_number, read_number
from ui import config, data, i18n, web
from ui.files import slate_digits
from ui.room.routes import Routes
from ui.session import BY_TOKEN, Session
from ui.storage import StoreError
from ui.view import elements
from ui.web import RefusedError

from . import visit

PAGE = Path(__file__).with_name("main.py")
KINDS = {"image/png", "image/webp"}
LARGEST_BODY = 2_000_000  # bytes
TIDY_SECONDS = 3600.0
AT_ONCE = 32  # readings, of which one is worked on: two would only hold up the pages
HEADERS = {405: {"Allow": "POST, DELETE"}, 429: {"Retry-After": "1"}}  # the latter in seconds

log = logging.getLogger(__name__)
_reading: set[object] = set()  # who is answered now: a token, or a request without one
_one_by_one = CapacityLimiter(1)


@asynccontextmanager
async def ready(_: st.App) -> AsyncIterator[None]:
    """Load data and networks, start who trains, and read once.

    The server listens meanwhile: a browser needs longer to fetch what Streamlit's page consists of.
    Whoever stops it meanwhile waits until this is done.
    """
    async with create_task_group() as once, create_task_group() as hourly:
        once.start_soon(to_thread.run_sync, _get_ready)
        hourly.start_soon(_tidy)
        yield
        hourly.cancel_scope.cancel()


async def _tidy() -> None:
    """Delete old rooms, every hour."""
    while True:
        with suppress(config.ConfigError, StoreError):  # the page says what is wrong
            rooms = visit.rooms()
            if rooms is not None:
                await to_thread.run_sync(rooms.store.forget_old)
        await sleep(TIDY_SECONDS)


def _get_ready() -> None:
    try:
        from . import heading, prediction, sidebar, slate  # noqa: F401, which need the runtime

        config.current()
        data.mnist()
        visit.scheduler()
        network = _shipped()
        pa.array([0.0])  # the first array imports pandas, as the first chart would: half a second
        read_number(network, np.tri(slate.SIDE, dtype=np.uint8)[..., None].repeat(4, 2) * 255)
    except config.ConfigError:
        pass  # the page says what is wrong
    except Exception:
        log.exception("not everything is ready")


async def read(request: Request) -> Response:
    """Answer one picture of a slate."""
    try:
        if request.method == "DELETE":
            if (session := _session(request)) is None:
                raise RefusedError(403, "expected the token of an open page, got none")
            session.slate.pen_lifted()
            return Response(status_code=204)
        if request.method != "POST":
            raise RefusedError(
                405, f"expected POST with a picture of the slate, got {request.method}"
            )
        if (kind := web.kind(request)) not in KINDS:
            raise RefusedError(
                415, f"expected a picture as image/png or image/webp, got {kind[:40]!r}"
            )
        session = _session(request)
        who = object() if session is None else session.token
        if len(_reading) >= AT_ONCE or who in _reading:
            raise RefusedError(429, "expected one picture at a time, got more; send it again later")
        _reading.add(who)
        if session is not None:
            session.slate.pen_moves()
        try:
            picture = await web.body(request, LARGEST_BODY, "a picture of the slate")
            answer = await to_thread.run_sync(_read, session, picture, limiter=_one_by_one)
        finally:
            _reading.discard(who)
    except RefusedError as error:
        return JSONResponse({"error": str(error)}, error.status, HEADERS.get(error.status))
    return JSONResponse(answer)


ROUTES = [
    Route("/read", read, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
    *Routes(config.current, visit.rooms, lambda: visit.scheduler().giving_way()).all(),
]


def _session(request: Request) -> Session | None:
    """The session of the page that asks; None where no page does."""
    token = request.headers.get("x-digit-lab-page", "")
    session = BY_TOKEN.get(token)
    if token and session is None:
        raise RefusedError(403, "expected the token of an open page, got another; reload the page")
    return session


def _shipped() -> Network:
    for name in visit.SHIPPED:
        network = visit.shipped(name)
        if isinstance(network, Network):
            return network
    raise RefusedError(503, "expected a network in weights/, got none that can be read")


def _read(session: Session | None, picture: bytes) -> dict[str, Any]:
    """The answer: numbers, and for a page what it is to show."""
    try:
        found = slate_digits(picture)
    except PhotoError as error:
        raise RefusedError(413 if error.kind == "photo_large" else 400, str(error)) from None
    network = (session and session.network) or _shipped()
    number = judge_number(network, found.digits if found else ())
    weakest = number.readings[number.weakest]
    seen = np.zeros(0) if weakest.steps is None else weakest.steps.input
    answer: dict[str, Any] = {
        "digit": weakest.digit,
        "runner_up": weakest.runner_up,
        "confidence": weakest.confidence,
        "probabilities": weakest.probabilities.tolist(),
        "input": base64.b64encode((seen * 255).round().astype(np.uint8).tobytes()).decode("ascii"),
    }
    if len(number.readings) > 1:
        answer["digits"] = number.digits
    if session is not None:
        i18n.spoken.set(session.language)
        answer["html"] = {
            "verdict": elements.verdict(found, number),
            "bars": elements.bars(weakest),
            "network-input": elements.heading(i18n.SEES) + elements.network_input(weakest.steps),
        }
    return answer
