"""The lab's sentences that are made of figures; their words stand in ../languages."""

from __future__ import annotations

import re
from typing import Any

from nn import Recipe, RecipeError
from ui import texts
from ui.scheduler.limits import FullError, LimitError, TooLargeError, TooManyError, TooWideError
from ui.scheduler.snapshot import Mark, Snapshot

from .hints import Hint
from .runs import Run

REFUSALS: dict[type[LimitError], str] = {
    FullError: "TOO_MANY",
    TooManyError: "TOO_MANY_YOURS",
    TooWideError: "TOO_WIDE",
    TooLargeError: "TOO_LARGE",
}
SHARES = frozenset({"dead", "accuracy"})  # fields of a hint that are told as "40 %"


def setting(field: str, value: Any) -> str:
    """The value of a recipe's field."""
    if field == "batch_size" and value is None:
        return str(texts.FULL_BATCH)
    if field == "optimizer":
        return str(texts.OPTIMIZERS[value])
    if isinstance(value, tuple | list):
        return ", ".join(str(units) for units in value) or "–"
    return texts.number(value) if isinstance(value, int | float) else str(value)


def mark(change: Mark) -> str:
    """A setting that was changed in mid-run: "Learning rate 0.001 → 0.01"."""
    field = texts.FIELDS.get(change.field, change.field)
    before, after = (setting(change.field, value) for value in (change.before, change.after))
    return f"{field} {before} → {after}"


def hint(found: Hint) -> tuple[str, str]:
    """A hint's sentence, and what its button says."""
    told = {
        name: texts.percent(value) if name in SHARES else texts.number(value)
        for name, value in found.fields.items()
    }
    changes = {name: setting(name, value) for name, value in found.changes.items()}
    return texts.HINTS[found.name].format(**told), texts.MENDS[found.name].format(**changes)


def sharing(run: Snapshot) -> str:
    """How many train on this server and what share this one has, where it is more than one."""
    if run.running < 2:
        return ""
    return texts.say("SHARING", running=run.running, share=texts.percent(run.share))


def restarted(run: Snapshot) -> str:
    """That the process which trained was lost, where it was."""
    return str(texts.RESTARTED) if run.restarts else ""


def refusal(error: RecipeError | LimitError) -> str:
    """Why a training does not begin, or does not take a change."""
    if not isinstance(error, LimitError):
        return texts.complaint(error)
    unit = 1_000_000 if isinstance(error, TooLargeError) else 1
    told = {"asked": round(error.asked / unit), "allowed": round(error.allowed / unit)}
    word = next(word for kind, word in REFUSALS.items() if isinstance(error, kind))
    return texts.say(word, **{name: texts.count(value) for name, value in told.items()})


def recipe(settings: Recipe) -> str:
    """A recipe in one line: layers, optimizer, rate, batch, and what else is switched on."""
    parts = [
        "-".join(str(width) for width in (784, *settings.hidden, 10)),
        f"{texts.OPTIMIZERS[settings.optimizer]} {texts.number(settings.learning_rate)}",
        texts.say("BATCH", size=setting("batch_size", settings.batch_size)),
    ]
    if settings.batch_norm:
        parts.append(str(texts.NORMALISED))
    if settings.dropout:
        parts.append(f"{texts.FIELDS['dropout']} {texts.number(settings.dropout)}")
    if settings.samples:
        parts.append(texts.say("DIGITS_USED", count=texts.count(settings.samples)))
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Seconds of work: "3.2 s", "2 min 05 s"."""
    if seconds < 60:
        return f"{texts.decimal(seconds, 1)} s"
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02d} s"


def state(run: Run) -> str:
    """What a run does, in a word."""
    if run.lost:
        return str(texts.RUN_LOST)
    if run.snapshot is None:
        return str(texts.RUN_STARTING)
    if run.loaded:
        return str(texts.RUN_LOADED)
    value = run.snapshot.state.value
    if not run.live and value in ("running", "paused"):
        value = "stopped"
    return str(texts.RUN_STATES[value])


def file_name(name: str) -> str:
    """A run's name as that of a file: letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "run"
