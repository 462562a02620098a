"""Who trains, by the setting DIGIT_LAB_TRAINERS: a thread, processes of this machine, or a cluster.

thread          one thread of the page's server, the default
2               so many processes on this machine
auto            one process for each processor core but one
tcp://HOST:PORT the workers of a running Dask scheduler; tls://HOST:PORT where it uses TLS
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from .limits import Limits
from .run import Data
from .scheduler import Scheduler

if TYPE_CHECKING:
    from .cluster import Cluster

Trainers: TypeAlias = "Scheduler | Cluster"
THREAD, AUTO = "thread", "auto"
MOST = 256  # processes on one machine
ADDRESS = re.compile(r"(tcp|tls)://[^/:@]+:\d{1,5}")
TLS = ("tls_ca", "tls_cert", "tls_key")

log = logging.getLogger(__name__)


class TrainersError(ValueError):
    """The setting is wrong, or what it needs is not installed."""


def trainers(
    setting: str,
    load_data: Callable[[], Data],
    *,
    limits: Limits | None = None,
    tls: tuple[str, str, str] = ("", "", ""),
) -> Trainers:
    """Whoever trains, at work already; where the setting is wrong, a thread that says so.

    Parameters
    ----------
    setting : as above
    load_data, limits : as for Scheduler
    tls : for an address at tls://, files in PEM: the authority's certificate, this program's own
        certificate, and its key
    """
    found: Trainers
    try:
        found = _chosen(setting, load_data, limits, tls)
    except TrainersError as error:
        log.error("%s; one thread trains until then", error)
        found = Scheduler(load_data, limits=limits)
        found.trouble = str(error)
    found.run()
    return found


def _chosen(
    setting: str, load_data: Callable[[], Data], limits: Limits | None, tls: tuple[str, str, str]
) -> Trainers:
    if setting == THREAD:
        return Scheduler(load_data, limits=limits)
    where: int | str = setting
    if setting == AUTO:
        where = max((os.cpu_count() or 2) - 1, 1)
    elif setting.isascii() and setting.isdecimal() and 1 <= int(setting[:5]) <= MOST:
        where = int(setting)
    elif not ADDRESS.fullmatch(setting):
        raise TrainersError(
            f"DIGIT_LAB_TRAINERS: expected {THREAD}, {AUTO}, a number of processes from 1 to "
            f"{MOST}, or a Dask scheduler's address such as tcp://10.0.0.5:8786, got {setting!r}"
        )
    try:
        from distributed.security import Security

        from .cluster import Cluster
    except ImportError:
        raise TrainersError(
            f"DIGIT_LAB_TRAINERS: {setting} needs the package distributed, which is not installed; "
            "install requirements-cluster.txt with pip, and start the server again"
        ) from None
    security = None
    if setting.startswith("tls:"):
        for name, file in zip(TLS, tls, strict=True):
            if not os.path.isfile(file):  # noqa: PTH113, as it may be empty
                raise TrainersError(
                    f"DIGIT_LAB_{name.upper()}: expected a file in PEM for {setting}, got {file!r}"
                )
        ca, cert, key = tls
        security = Security(
            require_encryption=True, tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key
        )
    return Cluster(where, load_data, limits=limits, security=security)
