"""A visitor without a browser: one websocket to the page, spoken as Streamlit's own client does.

The server cannot tell it from a browser: it fetches the page, brings the cookie and the token
back, opens `/_stcore/stream`, keeps the widgets' states and sends all of them with each rerun, and
keeps the timers that the page's fragments ask for (`AutoRerun`: the polls are the browser's to
send). What a browser does beyond that, laying out and drawing charts, costs its visitor's
computer and not the server's, so it is left out.

Out of scope: reconnecting, uploads, more than one page.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from html import unescape
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
from streamlit.components.v2.bidi_component.constants import EVENT_DELIM
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NumberInput_pb2 import NumberInput
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.state.session_state import STREAMLIT_INTERNAL_KEY_PREFIX
from websockets.asyncio.client import ClientConnection, connect

PATIENCE = 120.0  # seconds that anything expected may take
Path = tuple[int, ...]  # of an element in the page's tree


class Session:
    """One visitor's connection.

    Parameters
    ----------
    address : of the server, such as "http://127.0.0.1:8501"
    query : of the page's address, such as "room=BCDFG"
    cookie : what the browser has beside the page's own cookies, such as "name=value"

    Attributes
    ----------
    polls : how long each poll's answer took, in seconds: from sending it to the end of its run
    runs : reruns that came to their end, polls included
    received : bytes
    places : when the charts' curves were found to be longer, and at which epoch they then ended
    trouble : exceptions that the page showed, as they came
    """

    def __init__(self, address: str, *, query: str = "", cookie: str = "") -> None:
        self.address, self.query, self.cookie = address, query, cookie
        self.polls: list[float] = []
        self.runs, self.received = 0, 0
        self.places: list[tuple[float, float]] = []
        self.trouble: list[str] = []
        self._elements: dict[Path, Element] = {}
        self._run = ""  # the one that is under way
        self._placed: dict[Path, tuple[str, str]] = {}  # each element's run and fragment
        self._ends: dict[Path, float] = {}  # of the curves in a chart, in epochs
        self._blocks: dict[Path, str] = {}  # the key of each container that has one
        self._fragments: dict[str, str] = {}  # of each widget, by id
        self._states: dict[str, WidgetState] = {}
        self._timers: dict[str, tuple[float, asyncio.Task[None]]] = {}
        self._sent: dict[str, list[float]] = {}  # when polls went out that are not answered yet
        # By a run's id, when its first word came, and the fragments that it is to run.
        self._began: dict[str, tuple[float, list[str]]] = {}
        self._page = ""
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()

    # What a visitor does.

    async def open(self) -> Session:
        """Enter the address, until the page's script has come to its end."""
        cookie, token = await asyncio.to_thread(_fetch, self.address)
        self._socket = await connect(
            self.address.replace("http", "ws", 1) + "/_stcore/stream",
            origin=self.address,
            subprotocols=["streamlit", token],
            additional_headers={"Cookie": "; ".join(filter(None, (cookie, self.cookie)))},
            max_size=None,
            ping_interval=None,  # it is the server that asks
        )
        self._reader = asyncio.create_task(self._read())
        await self.rerun()
        return self

    async def rerun(self) -> None:
        """Run the whole page's script, and wait for its end."""
        before = self.runs
        await self._send()
        await self.wait(lambda: self.runs > before)

    async def press(self, key: str) -> None:
        """Click a button; its run may still be under way afterwards."""
        name = self._id(key)
        await self._send(self._fragments[name], pressed=name)

    async def set_number(self, key: str, value: int) -> None:
        """Type a whole number into a field, and wait for the page to have taken it."""
        name = self._id(key)
        self._states[name] = WidgetState(id=name, int_value=value)
        await self._rerun_of(name)

    async def set_json(self, key: str, value: str) -> None:
        """Let a component say something, and wait for the page to have taken it."""
        name = self._id(key)
        self._states[name] = WidgetState(id=name, json_value=value)
        await self._rerun_of(name)

    async def set_text(self, key: str, value: str) -> None:
        """Choose a tab, or a text, and wait for the page to have taken it."""
        name = self._id(key)
        self._states[name] = WidgetState(id=name, string_value=value)
        await self._rerun_of(name)

    async def press_in(self, key: str, what: str) -> None:
        """Press something in a picture, and wait for the page to have taken it."""
        name, before = self._id(key), self.runs
        pressed = json.dumps([{"event": "pressed", "value": what}])
        events = f"{STREAMLIT_INTERNAL_KEY_PREFIX}_{name}{EVENT_DELIM}events"
        state = WidgetState(id=events, json_trigger_value=pressed)
        await self._send(self._fragments[name], more=[state])
        await self.wait(lambda: self.runs > before)

    async def close(self) -> None:
        """Close the tab."""
        for _, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader

    # What a visitor sees.

    def text(self, key: str) -> str:
        """The words in a container, tags left out."""
        inside = next((path for path, name in self._blocks.items() if name == key), None)
        if inside is None:
            return ""
        bodies = [
            element.html.body
            for path, element in sorted(self._elements.items())
            if path[: len(inside)] == inside and element.WhichOneof("type") == "html"
        ]
        return unescape(re.sub(r"<[^>]+>", " ", " ".join(bodies)))

    def epoch(self) -> int:
        """How many epochs the status names as done; 0 before there are any."""
        found = re.search(r"(?:Epoch|Done:) (\d+)", self.text("training-status"))
        return int(found[1]) if found else 0

    def _place_of_curves(self) -> float:
        """The epoch, fractions included, at which the charts' curves end."""
        return max((end for end in self._ends.values()), default=0.0)

    def enabled(self, key: str) -> bool:
        """Whether a button can be pressed now."""
        name = self._id(key)
        return any(
            element.button.id == name and not element.button.disabled
            for element in self._elements.values()
            if element.WhichOneof("type") == "button"
        )

    async def wait(self, seen: Callable[[], bool], *, timeout: float = PATIENCE) -> None:
        """Wait until something is so; looked at whenever a run has come to its end."""
        async with asyncio.timeout(timeout), self._news:
            await self._news.wait_for(seen)

    # Out.

    async def _rerun_of(self, widget: str) -> None:
        before = self.runs
        await self._send(self._fragments[widget])
        await self.wait(lambda: self.runs > before)

    async def _send(
        self,
        fragment: str = "",
        *,
        pressed: str = "",
        more: Sequence[WidgetState] = (),
        poll: bool = False,
    ) -> None:
        message = BackMsg()
        rerun = message.rerun_script
        rerun.page_script_hash, rerun.fragment_id = self._page, fragment
        rerun.is_auto_rerun, rerun.query_string = poll, self.query
        rerun.widget_states.widgets.extend([*self._states.values(), *more])
        if pressed:
            rerun.widget_states.widgets.append(WidgetState(id=pressed, trigger_value=True))
        context = rerun.context_info
        context.timezone, context.locale = "UTC", "en-US"
        context.url = self.address + (f"/?{self.query}" if self.query else "/")
        context.color_scheme = "light"
        if self._socket is None:
            raise RuntimeError("the visitor has not opened the page")
        if poll:
            self._sent.setdefault(fragment, []).append(time.perf_counter())
        await self._socket.send(message.SerializeToString())

    async def _poll(self, fragment: str, interval: float) -> None:
        """A browser's `setInterval`: it asks in time, answered or not."""
        began, asked = time.perf_counter(), 0
        while True:
            asked += 1
            await asyncio.sleep(max(began + asked * interval - time.perf_counter(), 0))
            await self._send(fragment, poll=True)

    # In.

    async def _read(self) -> None:
        message = ForwardMsg()
        async for data in self._socket or ():
            self.received += len(data)
            message.ParseFromString(data if isinstance(data, bytes) else data.encode())
            match message.WhichOneof("type"):
                case "delta":
                    self._place(tuple(message.metadata.delta_path), message.delta)
                case "new_session":
                    self._page = message.new_session.page_script_hash
                    self._run = message.metadata.run.script_run_id
                    fragments = list(message.metadata.run.fragment_ids)
                    self._began[self._run] = time.perf_counter(), fragments
                case "script_finished":
                    await self._finish(message)
                case "auto_rerun":
                    self._set_timer(message.auto_rerun.fragment_id, message.auto_rerun.interval)
                case "stop_auto_rerun":
                    for fragment in message.stop_auto_rerun.fragment_ids:
                        self._stop_timer(fragment)

    def _place(self, path: Path, delta: Delta) -> None:
        if delta.WhichOneof("type") == "add_block":
            self._blocks.pop(path, None)
            if delta.add_block.id:
                self._blocks[path] = _key(delta.add_block.id)
                self._fragments[delta.add_block.id] = delta.fragment_id
            return
        element = Element()
        element.CopyFrom(delta.new_element)
        self._elements[path] = element
        self._placed[path] = self._run, delta.fragment_id
        kind = element.WhichOneof("type")
        self._ends.pop(path, None)
        if kind == "vega_lite_chart":
            self._ends[path] = _last_epoch(element.vega_lite_chart.data.data)
        if kind == "exception":
            self.trouble.append(element.exception.message)
        name = getattr(getattr(element, kind or "", None), "id", "")
        if name:
            self._fragments[name] = delta.fragment_id
            _keep_state(self._states, element)

    async def _finish(self, message: ForwardMsg) -> None:
        """A run is at its end: all polls are answered that were sent before it began."""
        now, run = time.perf_counter(), message.metadata.run
        began, fragments = self._began.pop(run.script_run_id, (now, list(run.fragment_ids)))
        early = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN
        whole = not fragments and not early  # asked for meanwhile, it answers every poll
        for fragment in list(self._sent) if whole else fragments:
            sent = self._sent.pop(fragment, [])
            self.polls += [now - then for then in sent if then < began]
            self._sent[fragment] = [then for then in sent if then >= began]
        if not early:
            self._sweep(run.script_run_id, set(fragments))
        if (place := self._place_of_curves()) > (self.places[-1][1] if self.places else 0.0):
            self.places.append((now, place))
        if not early or fragments:
            async with self._news:
                self.runs += 1
                self._news.notify_all()

    def _sweep(self, run: str, fragments: set[str]) -> None:
        """Forget what the whole script, or these fragments, did not place again."""
        for path, (placed, fragment) in list(self._placed.items()):
            if placed != run and (not fragments or fragment in fragments):
                del self._placed[path], self._elements[path]
                self._ends.pop(path, None)

    def _set_timer(self, fragment: str, interval: float) -> None:
        if fragment in self._timers and self._timers[fragment][0] == interval:
            return
        self._stop_timer(fragment)
        self._timers[fragment] = interval, asyncio.create_task(self._poll(fragment, interval))

    def _stop_timer(self, fragment: str) -> None:
        if fragment in self._timers:
            self._timers.pop(fragment)[1].cancel()

    def _id(self, key: str) -> str:
        """A widget's id by its key, the latest of that name."""
        found = [name for name in self._fragments if _key(name) == key]
        if not found:
            raise KeyError(f"no widget {key!r} on the page")
        return found[-1]


def _key(name: str) -> str:
    """The key in an id, "$$ID-hash-key"."""
    return name.partition("-")[2].partition("-")[2]


def _keep_state(states: dict[str, WidgetState], element: Element) -> None:
    """Give a widget its first state, as its part of the browser's client does; keep a known one
    unless the page sets another.
    """
    kind = element.WhichOneof("type") or ""
    widget = getattr(element, kind)
    if widget.id in states and not getattr(widget, "set_value", False):
        return
    state = WidgetState(id=widget.id)
    given = getattr(widget, "set_value", False)
    match kind:
        case "text_input":
            state.string_value = widget.value if given else widget.default
        case "selectbox":
            state.string_value = widget.raw_value if given else widget.options[widget.default]
        case "number_input" if widget.data_type == NumberInput.DataType.INT:
            state.int_value = int(widget.value if given else widget.default)
        case "number_input":
            state.double_value = widget.value if given else widget.default
        case "button_group":
            options = [widget.options[at].content for at in widget.default]
            state.string_array_value.data.extend(widget.raw_values if given else options)
        case "slider":
            state.double_array_value.data.extend(widget.value if given else widget.default)
        case "checkbox":
            state.bool_value = widget.value if given else widget.default
        case "file_uploader":
            state.file_uploader_state_value.SetInParent()
        case _:
            return
    states[widget.id] = state


def _last_epoch(arrow: bytes) -> float:
    """The largest value of a column "epoch" in a chart's rows; 0 where there is none."""
    if not arrow:
        return 0.0
    rows = pa.ipc.open_stream(arrow).read_all()
    if "epoch" not in rows.column_names or not len(rows):
        return 0.0
    return float(pc.max(rows["epoch"]).as_py() or 0.0)


def _fetch(address: str) -> tuple[str, str]:
    """Ask for the page as a browser does before it opens its socket; returns cookie and token."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE)
    cookies: list[str] = []
    for path in ("/", "/_stcore/health", "/_stcore/host-config"):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        cookies += [it.partition(";")[0] for it in answer.headers.get_all("Set-Cookie") or []]
    connection.close()
    token = next((it.partition("=")[2] for it in cookies if it.startswith("_streamlit_xsrf")), "")
    return "; ".join(dict.fromkeys(cookies)), token.strip('"')
