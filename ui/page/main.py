"""The page from top to bottom: a table of contents, which Streamlit runs anew at every press.

Each part is a module of this package, and each tab a module of `ui/panels/`. At `?room=CODE` the
room takes the place of the slate and all that belongs to a drawing, at `?lesson` a guide does.
"""

import streamlit as st

from ui.page import heading, language, lesson, polling, prediction, room, sidebar, visit

heading.check_config()
language.settle()
heading.set_up_page()
heading.show()
visit.look()  # first, so that no part finds a run ended and begins the page anew
every = polling.set_up()
with st.sidebar, st.container(gap="xsmall"):
    sidebar.settings()
    st.fragment(polling.in_turn(sidebar.panel), run_every=every.panel)()
if lesson.is_asked_for():
    lesson.show()
elif room.is_asked_for():
    st.fragment(polling.in_turn(room.show), run_every=every.slate or room.EVERY)()
else:
    st.fragment(polling.in_turn(prediction.show), run_every=every.slate)()
polling.wait_until_sent()
