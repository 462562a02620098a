"""Digit Lab: draw a digit and see what the network reads; train one and watch.

Run it with `streamlit run app.py`. This is the server; `ui/page/main.py` is the page.
"""

import streamlit as st

from ui.page import server

app = st.App(server.PAGE, routes=server.ROUTES, lifespan=server.ready)
