"""The kiosk: a page for the room, a history, and an API, served by a thread beside the loop.

`state.py` is what the two threads share; `app.py` has the routes. Nothing is drawn or sent per frame.
"""
