"""What the routes of this server have in common: bodies of limited length, and who asks."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request

BODY_SECONDS = 5.0  # that a body may take to come


class RefusedError(Exception):
    """A request that is not answered.

    Attributes
    ----------
    status : of HTTP
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


async def body(request: Request, largest: int, what: str) -> bytes:
    """The request's body, as far as it may be long; `what` it is expected to be.

    Raises
    ------
    RefusedError
        It is empty, longer than `largest` bytes, or does not come.
    """
    too_long = RefusedError(413, f"expected at most {largest:,} bytes, got more")
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                found += chunk
                if len(found) > largest:
                    raise too_long
    except TimeoutError:
        raise RefusedError(408, f"expected {what} within {BODY_SECONDS:g} s") from None
    except ClientDisconnect:
        raise RefusedError(400, f"expected all of {what}, got a part of it") from None
    if not found:
        raise RefusedError(400, f"expected {what}, got an empty body")
    return bytes(found)


def kind(request: Request) -> str:
    """The body's type, such as "image/png"."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def reached_by(request: Request, *, behind_proxy: bool) -> str:
    """The address that the browser has asked, such as "http://192.168.1.20:8501"."""
    headers = request.headers
    scheme, host = request.url.scheme, headers.get("host", "")
    if behind_proxy:  # of a list, the first is the browser's
        scheme = headers.get("x-forwarded-proto", scheme).partition(",")[0].strip()
        host = headers.get("x-forwarded-host", host).partition(",")[0].strip()
    return f"{scheme}://{host}"


def is_from_own_page(request: Request, *, behind_proxy: bool) -> bool:
    """Whether a page of this server sends the request, as its header Origin says."""
    origin = urlsplit(request.headers.get("origin", ""))
    return (
        bool(origin.netloc)
        and origin.netloc == urlsplit(reached_by(request, behind_proxy=behind_proxy)).netloc
    )
