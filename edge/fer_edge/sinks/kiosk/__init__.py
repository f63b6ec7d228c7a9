"""The kiosk: a page for the room, a history, and an API, served by a thread beside the loop.

`board.py` is all that the loop's thread and the server's share; `app.py` has the routes; nothing here works per frame.
"""
