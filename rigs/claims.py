"""What takes a while to hold, waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from debian import RigError

PAUSE_S = 0.1


def wait(holds: Callable[[], Any], seconds: float) -> bool:
    """Whether it holds within so many seconds."""
    end = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(PAUSE_S)
    return bool(held)


def until(claim: str, seconds: float, holds: Callable[[], Any], why: Callable[[], Any] = lambda: "") -> Any:
    """Print the claim when it holds; what was found.

    Raises RigError with what `why` says if it does not within so many seconds. What is asked may not be there yet: an
    OSError or a KeyError is waited out.
    """
    begun, found, last = time.monotonic(), None, ""

    def asked() -> bool:
        nonlocal found, last
        try:
            found = holds()
        except (OSError, KeyError) as cause:
            last = f"; {cause}"
        return bool(found)

    if not wait(asked, seconds):
        raise RigError(f"NOT within {seconds:g} s: {claim}{last} {why()}".strip())
    print(f"{claim} ({time.monotonic() - begun:.1f} s)", flush=True)
    return found
