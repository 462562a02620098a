"""The learners in a process of their own: the page never shares its interpreter with them.

Read parcels.py, pipe.py, worker.py (the other process), learners.py (the page's side).
"""
