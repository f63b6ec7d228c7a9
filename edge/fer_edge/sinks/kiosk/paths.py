"""The paths of the pages and their files; the API's paths are in `app.py` and `openapi.json`."""

from __future__ import annotations

STAGE, HISTORY, LIVE, TRY = "/", "/history", "/live", "/try"  # the pages
STATUS, SETTINGS = "/status", "/settings"
PAGES = (STAGE, HISTORY, LIVE, TRY, STATUS, SETTINGS)
LOGIN, LOGOUT = "/login", "/logout"
STATIC = "/static/"
LIVE_PICTURES, LIVE_STREAM = "/live.mjpg", "/live.stream"
API = "/api/"
METRICS, HEALTH = "/metrics", "/healthz"
