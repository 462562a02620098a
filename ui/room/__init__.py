"""A room: phones send drawings, a wall shows them, a network learns them.

- `strokes.py` turns what a phone sends into a picture
- `store.py` keeps rooms in the database
- `room.py` is one room as this server knows it: its drawings, and what networks read in them
- `wall.py` says what the wall shows; `export.py` makes files of a room
- `pages.py` has the pages of phones and walls
- `routes.py` answers phones, walls, and whoever opens a room

Streamlit is not known here; the presenter's page is `ui/page/room.py`.
"""
