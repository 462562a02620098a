"""What a panel has computed, kept in the visitor's session until what it is made from changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

import streamlit as st

from nn import Network
from nn.explain import Exciting, exciting, explaining

from .digits import test_set

T = TypeVar("T")
_excited: WeakKeyDictionary[Network, dict[tuple[int, int], Exciting]] = WeakKeyDictionary()
PLAIN = (str, int, float, tuple, frozenset, type(None))


def once(name: str, *made_from: object, make: Callable[[], T]) -> T:
    """What `make` gives, made anew only where `made_from` has changed; one such a name.

    Networks and drawings are told apart by being the same object: the page never changes one.
    """
    before, value = st.session_state.get(f"insight-{name}", ((), None))
    if len(before) == len(made_from) and all(map(_same, before, made_from)):
        found: T = value
        return found
    found = make()
    st.session_state[f"insight-{name}"] = (made_from, found)
    return found


def explained(network: Network) -> Network:
    """The network as `nn.explain` takes it; the visitor's own copy."""
    return once("explained", network, make=lambda: explaining(network))


def exciting_digits(network: Network, layer: int, digits: int) -> Exciting:
    """The test digits, of so many, that excite each unit of a hidden layer most.

    Found once a network for all visitors: those networks that are shipped stay, the others go
    when nobody holds them any more.
    """
    found = _excited.setdefault(network, {})
    if (layer, digits) not in found:
        images = test_set().images[:digits]
        found[layer, digits] = exciting(explaining(network), images, layer)
    return found[layer, digits]


def _same(a: object, b: object) -> bool:
    return a is b or (isinstance(a, PLAIN) and isinstance(b, PLAIN) and a == b)
