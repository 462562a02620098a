"""Kept runs: what a visitor wants to find again outlives the tab and the server.

    schema    the table, its version, and the way from version to version
    records   a run as rows hold it, and back
    store     the store itself: keep, list, load, rename, delete

No module here knows the page; `nn` and the networks know nothing of it.
"""

from .records import Kept
from .schema import StoreError
from .store import Store

__all__ = ["Kept", "Store", "StoreError"]
