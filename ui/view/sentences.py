"""Sentences with figures in them; their words are in assets/languages."""

from __future__ import annotations

import math
import re
from typing import Any

from nn import Evaluation, Found, Number, Reading, Recipe
from ui import i18n
from ui.hints import Hint
from ui.runs import Run
from ui.storage import Kept
from ui.training.limits import LimitError
from ui.training.snapshot import Mark, Snapshot

MEGABYTE = 1_000_000
SHARES = frozenset({"dead", "accuracy"})  # fields of a hint that are written as "40 %"


def complaint(error: Exception) -> str:
    """An error in the visitor's language, by its kind; its own message where there is none."""
    if isinstance(error, LimitError):
        unit = MEGABYTE if error.limit == "server_bytes" else 1
        asked, allowed = (i18n.count(round(n / unit)) for n in (error.asked, error.allowed))
        return str(i18n.LIMITS[error.limit]).format(asked=asked, allowed=allowed)
    kind = getattr(error, "kind", "")
    if kind not in i18n.ERRORS:
        return str(error)
    figures = error.figures  # type: ignore[attr-defined]
    return str(i18n.ERRORS[kind]).format(**{key: _figure(key, it) for key, it in figures.items()})


def _figure(name: str, value: object) -> str:
    """A value in an error: a field's label, or a number as the language writes it."""
    if name == "field":
        return str(i18n.FIELDS.get(value, value))
    if isinstance(value, tuple | list):
        return ", ".join(_figure("field" if name == "fields" else "", each) for each in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return i18n.count(value)
    return i18n.number(value) if isinstance(value, float) else str(value)


def verdict(found: Found | None, number: Number) -> str:
    """The lines beside the large digits."""
    if found is None or len(number.readings) == 1:
        return _reading(number.readings[0])
    if number.digits is None:
        return _no_number(found, number)
    lines = [f"{digit(each)}: {i18n.percent(each.confidence)}" for each in number.readings]
    if len(lines) > 3:  # there is room for three
        share = i18n.percent(number.confidence)
        return i18n.say("LEAST_SURE", share=share, weakest=lines[number.weakest])
    return "\n".join(lines)


def _no_number(found: Found, number: Number) -> str:
    """Which marks are no digits, what the others are, and of which of them it is not sure."""
    count = len(number.readings)
    refused = [i for i, each in enumerate(number.readings) if each.digit is None]
    if len(refused) == count:
        return i18n.say("NO_DIGITS", count=count)
    signs = [_sign(number.readings[place]) for place in refused]
    if len(refused) > 1:
        named = [
            f"{i + 1} ({sign})" if sign else str(i + 1)
            for i, sign in zip(refused, signs, strict=True)
        ]
        line = i18n.say("NO_NUMBER_MANY", count=count, places=", ".join(named))
    else:
        kind = "NO_NUMBER_BUT_SIGN" if signs[0] else "NO_NUMBER"
        line = i18n.say(kind, count=count, places=refused[0] + 1, sign=signs[0])
    read = i18n.say("PARTLY_READ", marks=" ".join(rows(found, number)))
    unsure = [digit(each) for each in number.readings if each.runner_up is not None]
    if unsure:
        read += f"; {i18n.say('PARTLY_UNSURE', marks=', '.join(unsure))}"
    return f"{line}\n{read}"


def _sign(reading: Reading) -> str:
    """What a refused mark looks like, where that is certain; else empty."""
    return "" if reading.sign in (None, "other") else str(i18n.SIGNS[reading.sign])


def _reading(reading: Reading) -> str:
    if reading.blank:
        return i18n.say("INVITATION")
    if reading.digit is None:
        return i18n.say("BLOT")
    if reading.runner_up is not None:
        return i18n.say("NOT_SURE", digit=reading.digit, other=reading.runner_up)
    return i18n.say("SURE", share=i18n.percent(reading.confidence))


def digit(reading: Reading) -> str:
    """A reading in short: "7", "1 or 7", or that there is no digit."""
    if reading.digit is None:
        return str(i18n.NO_DIGIT)
    if reading.runner_up is not None:
        return i18n.say("EITHER", digit=reading.digit, other=reading.runner_up)
    return str(reading.digit)


def rows(found: Found, number: Number) -> list[str]:
    """The digits of each row, with "?" for a mark that is no digit."""
    return ["".join(map(_mark, row)) for row in found.by_row(number.readings)]


def numbered(place: int, reading: Reading) -> str:
    """A numbered digit in short: "Digit 3: 7"; places count from 1."""
    if sign := _sign(reading):
        return i18n.say("NUMBERED_SIGN", place=place, sign=sign)
    if reading.digit is None:
        return i18n.say("NUMBERED_MARK", place=place)
    return i18n.say("NUMBERED_DIGIT", place=place, digit=digit(reading))


def _mark(reading: Reading) -> str:
    return "?" if reading.digit is None else str(reading.digit)


def time_left(seconds: float | None) -> str:
    """How much longer a run will train; empty where unknown."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    whole = max(round(seconds), 1)
    if whole < 60:
        return i18n.say("SECONDS_LEFT", seconds=whole)
    return i18n.say("MINUTES_LEFT", minutes=whole // 60, seconds=whole % 60)


def tested(test: Evaluation) -> str:
    """The result on the test set."""
    share, samples = i18n.percent(test.accuracy, 2), i18n.count(test.samples)
    return i18n.say("TESTED", share=share, errors=i18n.count(test.errors), samples=samples)


def accuracies(run: Snapshot) -> str:
    """Training accuracy, and validation accuracy where it is known; of its network's epoch."""
    best = run.best if run.ended_with_best else None
    share, validation = i18n.percent(best.accuracy if best else run.accuracy, 2), run.validation
    if validation is None:
        return i18n.say("TRAINING_ACCURACY", share=share)
    return i18n.say("BOTH_ACCURACIES", share=share, validation=i18n.percent(validation, 2))


def done(run: Snapshot) -> str:
    """That a run has finished: after how many epochs, or which one its network is of."""
    epochs = run.recipe.epochs
    if run.ended_with_best:
        name = "STOPPED_EARLY" if run.epoch < epochs else "DONE_BEST"
        return i18n.say(name, epoch=run.best_epoch)
    return i18n.say("DONE_MANY", epochs=epochs) if epochs > 1 else i18n.say("DONE_ONE")


def sharing(run: Snapshot) -> str:
    """How many runs share the server, and this one's share; empty for a single run."""
    if run.running < 2:
        return ""
    return i18n.say("SHARING", running=run.running, share=i18n.percent(run.share))


def setting(field: str, value: Any) -> str:
    """The value of a recipe's field in words."""
    if field == "batch_size" and value is None:
        return str(i18n.FULL_BATCH)
    if field == "optimizer":
        return str(i18n.OPTIMIZERS[value])
    if isinstance(value, tuple | list):
        return ", ".join(str(units) for units in value) or "–"
    return i18n.number(value) if isinstance(value, int | float) else str(value)


def mark(change: Mark) -> str:
    """A setting that was changed during training: "Learning rate 0.001 → 0.01"."""
    if change.field == "trainer":
        return str(i18n.CONTINUED)
    before, after = (setting(change.field, value) for value in (change.before, change.after))
    return f"{i18n.FIELDS.get(change.field, change.field)} {before} → {after}"


def hint(found: Hint) -> tuple[str, str]:
    """A hint's sentence, and the label of its button."""
    fields = {
        name: i18n.percent(value) if name in SHARES else i18n.number(value)
        for name, value in found.fields.items()
    }
    changes = {name: setting(name, value) for name, value in found.changes.items()}
    return i18n.HINTS[found.name].format(**fields), i18n.FIXES[found.name].format(**changes)


def recipe(settings: Recipe) -> str:
    """A recipe on one line: layer sizes, optimizer, learning rate, batch size, and options."""
    parts = [
        settings.sizes,
        f"{i18n.OPTIMIZERS[settings.optimizer]} {i18n.number(settings.learning_rate)}",
        i18n.say("BATCH", size=setting("batch_size", settings.batch_size)),
    ]
    if settings.batch_norm:
        parts.append(str(i18n.NORMALISED))
    if settings.dropout:
        parts.append(f"{i18n.FIELDS['dropout']} {i18n.number(settings.dropout)}")
    if settings.patience:
        parts.append(f"{i18n.FIELDS['patience']} {settings.patience}")
    if settings.samples:
        parts.append(i18n.say("DIGITS_USED", count=i18n.count(settings.samples)))
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Seconds of training: "3.2 s", "2 min 05 s"."""
    if seconds < 60:
        return f"{i18n.decimal(seconds, 1)} s"
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02d} s"


def state(run: Run) -> str:
    """A run's state in a word."""
    if run.lost:
        return str(i18n.RUN_LOST)
    if run.snapshot is None:
        return str(i18n.RUN_STARTING)
    if run.loaded:
        return str(i18n.RUN_LOADED)
    value = run.snapshot.state.value
    stopped = not run.live and value in ("running", "paused")
    return str(i18n.RUN_STATES["stopped" if stopped else value])


def kept_run(kept: Kept) -> str:
    """A kept run on one line: its name, its date, its accuracy."""
    day = kept.created.astimezone().strftime("%Y-%m-%d %H:%M")
    accuracy = kept.test_accuracy or kept.validation_accuracy
    share = "–" if accuracy is None else i18n.percent(accuracy, 2)
    return i18n.say("KEPT_RUN", run=kept.name, day=day, share=share)


def file_name(name: str) -> str:
    """A run's name as a file name: letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "run"
