"""Settings of this server, read once from the environment: DIGIT_LAB_RUNS=60, for instance.

An unknown or invalid setting stops the start with an error message; none is ignored.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from platformdirs import user_data_path

from ui.training.limits import Limits

PREFIX = "DIGIT_LAB_"
OFF = ("", "off")
MEGABYTE = 1_000_000
LIMITS = Limits()
FORMER = {  # settings of version 0.1, and what to do with them
    "WORKER": "use DIGIT_LAB_TRAINERS instead",
    "LEARNERS": "use DIGIT_LAB_RUNS instead",
    "LEARNERS_A_VISITOR": "use DIGIT_LAB_RUNS_PER_VISITOR instead",
    "VISITOR_MEGABYTES": "DIGIT_LAB_SERVER_MEGABYTES is the one limit of memory now; remove it",
}


class ConfigError(ValueError):
    """A setting is unknown, or its value is not allowed."""


def _default_database() -> str:
    return f"sqlite:///{user_data_path('digit-lab', appauthor=False) / 'runs.sqlite3'}"


def _whole(default: int, low: int, high: int) -> int:
    """A field for a whole number from `low` to `high`, both included."""
    found: int = field(default=default, metadata={"low": low, "high": high})
    return found


@dataclass(frozen=True)
class Config:
    """What can differ between servers.

    Attributes
    ----------
    database : where kept runs go, as sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE;
        None keeps none
    trainers : who trains, as training/trainers.py reads it
    tls_ca, tls_cert, tls_key : files for a Dask scheduler at tls://
    runs, runs_per_visitor : training runs at once
    hidden_units : of one network, all layers together
    training_images : of one run, synthetic ones included
    server_megabytes : of memory for all training runs
    kept_runs, kept_megabytes : per visitor
    rooms : open at once
    room_password : who knows it may open a room; empty for everybody
    room_phones : per room
    phone_drawings : per phone
    drawing_bytes : of one drawing, as it is sent
    drawings_per_second : per phone
    phones_per_second : that join one room
    behind_proxy : "yes" where a proxy before this server says in X-Forwarded headers, which nobody
        else can set, what address it is reached by

    Raises
    ------
    ConfigError
        A field is out of range.
    """

    database: str | None = field(default_factory=_default_database)
    trainers: str = "thread"
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    runs: int = _whole(LIMITS.runs, 1, 1000)
    runs_per_visitor: int = _whole(LIMITS.runs_per_visitor, 1, 1000)
    hidden_units: int = _whole(LIMITS.hidden_units, 1, 32_768)
    training_images: int = _whole(LIMITS.training_images, 1, 10**7)
    server_megabytes: int = _whole(LIMITS.server_bytes // MEGABYTE, 50, 1_000_000)
    kept_runs: int = _whole(50, 1, 10_000)
    kept_megabytes: int = _whole(100, 1, 100_000)
    rooms: int = _whole(20, 0, 1000)
    room_password: str = ""
    room_phones: int = _whole(200, 1, 10_000)
    phone_drawings: int = _whole(100, 1, 10_000)
    drawing_bytes: int = _whole(20_000, 100, 1_000_000)
    drawings_per_second: int = _whole(5, 1, 1000)
    phones_per_second: int = _whole(20, 1, 10_000)
    behind_proxy: str = "no"

    def __post_init__(self) -> None:
        for option in dataclasses.fields(self):
            _check(option, getattr(self, option.name))

    def limits(self) -> Limits:
        """The limits of training runs on this server."""
        return Limits(
            runs=self.runs,
            runs_per_visitor=self.runs_per_visitor,
            hidden_units=self.hidden_units,
            training_images=self.training_images,
            server_bytes=self.server_megabytes * MEGABYTE,
        )


def read(environment: Mapping[str, str]) -> Config:
    """The settings in an environment, with defaults for the others.

    Raises
    ------
    ConfigError
        A variable that begins with DIGIT_LAB_ is not a setting, or its value is not allowed.
    """
    known = {PREFIX + option.name.upper(): option for option in dataclasses.fields(Config)}
    given = {name: text.strip() for name, text in environment.items() if name.startswith(PREFIX)}
    for former, advice in FORMER.items():
        if PREFIX + former in given:
            raise ConfigError(f"{PREFIX}{former} was a setting of version 0.1: {advice}")
    if unknown := given.keys() - known.keys():
        raise ConfigError(f"{min(unknown)}: expected one of {', '.join(known)}")
    values: dict[str, Any] = {
        known[name].name: _parse(known[name], text) for name, text in given.items()
    }
    return Config(**values)


@functools.cache
def current() -> Config:
    """This server's settings; raises ConfigError where the environment has invalid ones."""
    return read(os.environ)


def _parse(option: dataclasses.Field[Any], text: str) -> str | int | None:
    """A setting's value from its text, unchecked."""
    if option.name == "database" and text.lower() in OFF:
        return None
    digits = text.isascii() and text.isdecimal() and len(text) < 10
    return int(text) if "low" in option.metadata and digits else text


def _check(option: dataclasses.Field[Any], value: Any) -> None:
    name, rule = PREFIX + option.name.upper(), option.metadata
    if option.name == "behind_proxy" and value not in ("yes", "no"):
        raise ConfigError(f"{name}: expected yes or no, got {value!r}")
    if "low" in rule and not (isinstance(value, int) and rule["low"] <= value <= rule["high"]):
        raise ConfigError(
            f"{name}: expected a whole number from {rule['low']:,} to {rule['high']:,}, "
            f"got {value!r}"
        )
    if option.name == "database" and value is not None and not _names_a_database(value):
        raise ConfigError(
            f"{name}: expected sqlite:/// and a file, such as sqlite:////srv/digits/runs.sqlite3, "
            f"or postgresql://USER:PASSWORD@HOST/DATABASE, or off; "
            f"got {shown(value)!r}"
        )


def shown(url: str) -> str:
    """A database's URL as a message may show it: of other kinds than SQLite, only the kind.

    What follows may contain a password, and where the URL is wrong, nobody knows in which place.
    """
    scheme, colon, _ = url.partition(":")
    return f"{scheme}:…" if colon and not scheme.startswith("sqlite") else url


def _names_a_database(url: str) -> bool:
    """Whether it is the URL of an SQLite file or of PostgreSQL; ui/database.py checks the rest.

    An SQLite database in memory would lose the kept runs.
    """
    if url.startswith(("postgresql://", "postgresql+psycopg://")):
        return True
    scheme, slashes, rest = url.partition(":///")
    file, _, query = rest.partition("?")
    memory = ":memory:" in file or "mode=memory" in query
    return scheme in ("sqlite", "sqlite+pysqlite") and bool(slashes and file) and not memory
