"""Settings of this server, read once from the environment: DIGIT_LAB_WORKER=process, and so on.

A setting that is wrong or unknown stops the start with a sentence; none is guessed at. This
module knows no page.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from platformdirs import user_data_path

from .scheduler.limits import Limits

PREFIX = "DIGIT_LAB_"
OFF = ("", "off")
MEGABYTE = 1_000_000
LIMITS = Limits()


class SettingsError(ValueError):
    """A setting is unknown, or not one of those that are allowed."""


def _rule(meaning: str, **rule: Any) -> dict[str, Any]:
    """A field's rule: `low` and `high`, both included, or `choices`; and its meaning."""
    return {"help": meaning, **rule}


def _default_database() -> str:
    return f"sqlite:///{user_data_path('digit-lab', appauthor=False) / 'runs.sqlite3'}"


@dataclass(frozen=True)
class Settings:
    """What may differ from server to server; see each field's `help` for its meaning.

    Raises
    ------
    SettingsError
        A field is out of its range.
    """

    database: str | None = field(
        default_factory=_default_database,
        metadata=_rule("where kept runs go, as sqlite:///FILE; off keeps none"),
    )
    worker: str = field(
        default="thread",
        metadata=_rule(
            "what trains: a thread of the server, or a process of its own",
            choices=("thread", "process"),
        ),
    )
    learners: int = field(
        default=LIMITS.learners,
        metadata=_rule("trainings at once on this server", low=1, high=1000),
    )
    learners_a_visitor: int = field(
        default=LIMITS.learners_a_visitor,
        metadata=_rule("trainings at once of one visitor", low=1, high=1000),
    )
    hidden_units: int = field(
        default=LIMITS.hidden_units,
        metadata=_rule("hidden units of one network, all layers together", low=1, high=32_768),
    )
    visitor_megabytes: int = field(
        default=LIMITS.visitor_bytes // MEGABYTE,
        metadata=_rule("megabytes of memory for one visitor's trainings", low=50, high=100_000),
    )
    kept_runs: int = field(
        default=50, metadata=_rule("runs that a visitor may keep", low=1, high=10_000)
    )
    kept_megabytes: int = field(
        default=100, metadata=_rule("megabytes of a visitor's kept runs", low=1, high=100_000)
    )

    def __post_init__(self) -> None:
        for option in dataclasses.fields(self):
            _check(option, getattr(self, option.name))

    def limits(self) -> Limits:
        """What the learners of this server may take."""
        return Limits(
            learners=self.learners,
            learners_a_visitor=self.learners_a_visitor,
            hidden_units=self.hidden_units,
            visitor_bytes=self.visitor_megabytes * MEGABYTE,
        )


def read(environment: Mapping[str, str]) -> Settings:
    """The settings that an environment asks for; what it leaves out takes its default.

    Raises
    ------
    SettingsError
        A variable with the prefix DIGIT_LAB_ is no setting, or its value is not allowed.
    """
    known = {PREFIX + option.name.upper(): option for option in dataclasses.fields(Settings)}
    given = {name: text.strip() for name, text in environment.items() if name.startswith(PREFIX)}
    if unknown := given.keys() - known.keys():
        raise SettingsError(f"{min(unknown)}: expected one of {', '.join(known)}")
    values: dict[str, Any] = {
        known[name].name: _parse(known[name], text) for name, text in given.items()
    }
    return Settings(**values)


@functools.cache
def current() -> Settings:
    """This server's settings; raises SettingsError where the environment's are wrong."""
    return read(os.environ)


def _parse(option: dataclasses.Field[Any], text: str) -> str | int | None:
    """The value that a text stands for; `_check` refuses what is none."""
    if option.name == "database" and text.lower() in OFF:
        return None
    digits = text.isascii() and text.isdecimal() and len(text) < 10
    return int(text) if "low" in option.metadata and digits else text


def _check(option: dataclasses.Field[Any], value: Any) -> None:
    name, rule = PREFIX + option.name.upper(), option.metadata
    if "choices" in rule and value not in rule["choices"]:
        raise SettingsError(f"{name}: expected {' or '.join(rule['choices'])}, got {value!r}")
    if "low" in rule and not (isinstance(value, int) and rule["low"] <= value <= rule["high"]):
        raise SettingsError(
            f"{name}: expected a whole number from {rule['low']:,} to {rule['high']:,}, "
            f"got {value!r}"
        )
    if option.name == "database" and value is not None and not _names_a_file(value):
        raise SettingsError(
            f"{name}: expected sqlite:/// and a file, such as sqlite:////srv/digits/runs.sqlite3, "
            f"or off; got {value!r}"
        )


def _names_a_file(url: str) -> bool:
    """Whether it is an SQLite URL with a file; one in memory would forget what it keeps."""
    scheme, slashes, rest = url.partition(":///")
    file, _, query = rest.partition("?")
    memory = ":memory:" in file or "mode=memory" in query
    return scheme in ("sqlite", "sqlite+pysqlite") and bool(slashes and file) and not memory
