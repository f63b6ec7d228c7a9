"""Where the pages and what they need are found; the API's own paths stand in `app.py` and `openapi.json`."""

from __future__ import annotations

STAGE, HISTORY, LIVE = "/", "/history", "/live"  # the pages
LOGIN = "/login"
STATIC = "/static/"
LIVE_PICTURES = "/live.mjpg"
API = "/api/"
METRICS, HEALTH = "/metrics", "/healthz"
