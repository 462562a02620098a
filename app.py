"""Digit Lab, the page: draw a digit and see what the network reads; train one and watch.

Run it with `streamlit run app.py`. This file is a table of contents; each part is a room of `ui/`.
"""

import streamlit as st

from ui import language, polls, prediction, session, startup, style, training

language.settle()
style.set_up_page()
startup.check()
style.heading()
every = session.poll_seconds()
with st.sidebar, st.container(gap="xsmall"):
    training.settings()
    st.fragment(polls.in_turn(training.panel), run_every=every.panel)()
st.fragment(polls.in_turn(prediction.draw_and_read), run_every=every.slate)()
