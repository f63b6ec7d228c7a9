"""Answers that are alike everywhere."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse

TEXT = "; charset=utf-8"


def problem(status: int, words: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """What went wrong, as {"error": words}: the value, the cause, the cure."""
    return JSONResponse({"error": words}, status, dict(headers or {}))
