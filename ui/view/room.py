"""The presenter's controls of a room, as HTML."""

from __future__ import annotations

import html

from nn.mnist import CLASSES
from ui import i18n
from ui.room.store import RoomState


def banner(code: str, address: str, *, ended: bool) -> str:
    """The room's code, large, and where phones go."""
    scan = "" if ended else html.escape(i18n.say("ROOM_SCAN", address=address))
    return f'<p class="room-code">{html.escape(code)}</p><p class="room-join">{scan}</p>'


def controls(state: RoomState) -> str:
    """What is asked for, and whether writing goes on; then what is set.

    They send "task-7-3" (a 7, in place of task number 3), "state-paused", "approve-on", and so on:
    each says what shall be, whatever there is now.
    """
    number = state.task_number
    tasks = {name: str(word) for name, word in i18n.ROOM_TASKS.items()}
    tasks |= {str(digit): str(digit) for digit in range(CLASSES)}
    task = "".join(
        _button(f"task-{name}-{number}", word, chosen=name == state.task)
        for name, word in tasks.items()
    )
    each = state.task.isdecimal()  # else phones go on by themselves
    after = (int(state.task) + 1) % CLASSES if each else 0
    paused, closed = state.state == "paused", state.state == "closed"
    steps = (
        _button(f"task-{after}-{number}", i18n.ROOM_NEXT, kind="next", disabled=not each),
        _button("state-open", i18n.ROOM_RESUME)
        if paused
        else _button("state-paused", i18n.ROOM_PAUSE, disabled=closed),
        _button("state-open", i18n.ROOM_REOPEN)
        if closed
        else _button("state-closed", i18n.ROOM_CLOSE),
    )
    options = state.options
    board = i18n.say("ROOM_LEADERBOARD_HELP", code=state.code)
    switches = (
        _switch("approve", options.approve, i18n.ROOM_APPROVE, i18n.ROOM_APPROVE_HELP),
        _switch("hidden", options.hidden, i18n.ROOM_HIDE),
        _switch("leaderboard", options.leaderboard, i18n.ROOM_LEADERBOARD, board),
    )
    label = html.escape(i18n.ROOM_TASK)
    return (
        f'<div class="room-row tasks" role="group" aria-label="{label}">{task}</div>'
        f'<div class="room-row">{"".join(steps)}<span class="gap"></span>{"".join(switches)}</div>'
    )


def _button(
    press: str, word: str, *, chosen: bool | None = None, kind: str = "", disabled: bool = False
) -> str:
    pressed = "" if chosen is None else f' aria-pressed="{str(chosen).lower()}"'
    return (
        f'<button type="button" class="{kind}" data-press="{press}"{pressed}'
        f"{' disabled' if disabled else ''}>{html.escape(word)}</button>"
    )


def _switch(name: str, on: bool, word: str, hint: str = "") -> str:
    return (
        f'<button type="button" role="switch" aria-checked="{str(on).lower()}" '
        f'title="{html.escape(hint)}" data-press="{name}-{"off" if on else "on"}">'
        f"<span>{html.escape(word)}</span></button>"
    )
