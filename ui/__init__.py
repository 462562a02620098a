"""The page: what a visitor sees and presses. It imports `nn`, never the other way round.

Only these modules know Streamlit: canvas, photo, prediction, training, session, style. charts and
learners do not, so that they can be tested, and moved, without a page.
"""
