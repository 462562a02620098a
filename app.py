"""Digit Lab: draw a digit and see what the network reads; train one and watch.

Run it with `streamlit run app.py`. This is the server; `ui/page/main.py` is the page.
"""

from pathlib import Path

import streamlit as st

from ui.page import server

PAGE = Path(__file__).parent / "ui" / "page" / "main.py"

app = st.App(PAGE, routes=server.ROUTES, lifespan=server.ready)
