"""Who trains, and what a page sees of it: one worker for all visitors, in fair slices.

Read snapshot.py (what a page sees), course.py (the work itself), curves.py, spaced.py and
moments.py (what is kept of it), learner.py (one training), shares.py, roster.py and limits.py (who
is next, who lives, who may begin), worker.py (a slice), learners.py (all together); capture.py is
what it takes to go on elsewhere. No Streamlit here.
"""
