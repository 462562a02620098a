"""The pages of rooms that are not Streamlit's: to open one, to join one, a wall, a sentence.

Each is one file of HTML with its style and script in it. Its policy allows nothing else: no other
address, and no script that came in with somebody's words.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from html import escape
from string import Template
from typing import Any

import segno
from starlette.responses import HTMLResponse

from ui import assets, i18n
from ui.view import elements

from .store import RoomState

POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def opening(
    *, password: bool, complaint: str = "", own: Sequence[str] = (), status: int = 200
) -> HTMLResponse:
    """What a room is, and a button that opens one.

    Parameters
    ----------
    password : whether one is needed
    complaint : about the one that was given
    own : the codes of the browser's rooms
    """
    field = ""
    if password:
        field = (
            f'<p role="alert">{escape(complaint)}</p><label>{escape(i18n.ROOM_PASSWORD)} '
            '<input type="password" name="password" required autocomplete="off"></label>'
        )
    body = (
        f"<p>{escape(i18n.ROOM_WHAT)}</p>"
        '<form method="post" action="/room"><input type="hidden" name="open" value="1">'
        f"{field}<button>{escape(i18n.ROOM_OPEN)}</button></form>"
        f'<p><a href="/">{escape(i18n.ROOM_BACK)}</a></p>'
    )
    if own:
        links = "".join(f'<li><a href="/?room={code}">{code}</a></li>' for code in own)
        body += f"<h2>{escape(i18n.ROOM_YOURS)}</h2><ul>{links}</ul>"
    return _narrow(i18n.ROOM_OPEN, body, status)


def sentence(text: str, status: int) -> HTMLResponse:
    """Why there is no page."""
    return _narrow(i18n.ROOM, f"<p>{escape(text)}</p>", status)


def join(code: str) -> HTMLResponse:
    """The phones' page."""
    return _response(
        "room/join.html",
        title=escape(i18n.TITLE),
        code=code,
        style=assets.text("css/theme.css") + assets.text("room/join.css"),
        script=assets.text("room/join.js"),
        words=elements.json_text(words("JOIN_")),
    )


def wall(room: RoomState, key: str) -> HTMLResponse:
    """The wall; `key` opens it where the browser has no right of its own."""
    address = f"{room.options.address}/j/{room.code}"
    data = elements.json_text({"code": room.code, "key": key, "words": words("WALL_")})
    script = assets.text("js/wall.js").replace("export default ", "")
    return _response(
        "room/page.html",
        title=f"{escape(i18n.ROOM)} {room.code}",
        style=_style() + assets.text("css/wall.css"),
        body=(
            f'<main class="wall-page"><header><div><h1>{room.code}</h1>'
            f'<p>{escape(address)}</p></div><div class="qr">{qr_code(address)}</div></header>'
            '<div class="wall-root"></div></main>'
        ),
        script=f"{script}\nwall({{ parentElement: document.body, data: {data} }});",
    )


def qr_code(address: str) -> str:
    """A QR code as a picture, black on white, that fills its place."""
    code = segno.make_qr(address, error="m").svg_data_uri(omitsize=True, border=2, light="#fff")
    label = escape(i18n.say("ROOM_QR", address=address))
    return f'<img src="{escape(code)}" alt="{label}">'


def words(prefix: str) -> dict[str, Any]:
    """The words whose names begin so, for a script."""
    catalogue = {**i18n.CATALOGUES[i18n.FALLBACK], **i18n.CATALOGUES[i18n.language()]}
    return {name: word for name, word in catalogue.items() if name.startswith(prefix)}


def _narrow(title: str, body: str, status: int) -> HTMLResponse:
    heading = escape(title)
    main = f'<main class="narrow"><h1>{heading}</h1>{body}</main>'
    found = _response("room/page.html", title=heading, style=_style(), body=main, script="")
    found.status_code = status
    return found


def _style() -> str:
    return assets.text("css/theme.css") + assets.text("room/page.css")


def _response(template: str, **parts: str) -> HTMLResponse:
    nonce = secrets.token_urlsafe(12)
    page = Template(assets.text(template)).substitute(lang=i18n.language(), nonce=nonce, **parts)
    headers = {
        "Content-Security-Policy": POLICY.format(nonce=nonce),
        "Referrer-Policy": "same-origin",  # with none, a form would not say its origin
        "Cache-Control": "no-store",
    }
    return HTMLResponse(page, headers=headers)
