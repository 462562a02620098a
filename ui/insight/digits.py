"""MNIST for the panels: loaded when the first of them is opened, one copy for all visitors."""

from __future__ import annotations

import streamlit as st

from nn import Dataset, load_mnist
from nn.neighbours import Neighbours


@st.cache_resource(show_spinner=False)
def test_set() -> Dataset:
    """The 10,000 test digits."""
    return _both()[1]


@st.cache_resource(show_spinner=False)
def training_neighbours() -> Neighbours:
    """The 60,000 training digits, to look for likenesses in."""
    return Neighbours(_both()[0])


@st.cache_resource(show_spinner=False)
def _both() -> tuple[Dataset, Dataset]:
    return load_mnist()
