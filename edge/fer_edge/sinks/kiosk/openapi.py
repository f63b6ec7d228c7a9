"""`GET /api/v1/openapi.json`: the paths are in `openapi.json` beside this file, what a record holds in `records.py`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, get_args

from fer_edge.records import EVENT_COUNTS_SCHEMA, FACE_SCHEMA, FRAME_PROPERTIES
from fer_edge.types import State

OPENAPI_FILE = Path(__file__).with_name("openapi.json")


def document(prefix: str = "") -> dict[str, Any]:
    """The whole document: the file, and the schemas that are written elsewhere; paths are beneath `prefix`."""
    found: dict[str, Any] = json.loads(OPENAPI_FILE.read_text(encoding="utf-8"))
    if prefix:
        found["servers"] = [{"url": prefix}]
    schemas = found["components"]["schemas"]
    schemas["State"]["enum"] = list(get_args(State))
    schemas["Status"]["properties"]["events"] = EVENT_COUNTS_SCHEMA
    schemas["Face"] = FACE_SCHEMA
    schemas["Now"]["properties"] |= {name: _or_null(schema) for name, schema in FRAME_PROPERTIES.items()}
    return found


@cache
def text(prefix: str = "") -> bytes:
    """The document as it is served."""
    return json.dumps(document(prefix), indent=1).encode() + b"\n"


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return schema | {"type": [schema["type"], "null"]}
