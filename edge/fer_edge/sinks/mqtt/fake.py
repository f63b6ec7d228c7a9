"""A broker in memory that acknowledges everything, with the part of paho's client that the link uses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

SUCCESS = SimpleNamespace(is_failure=False)


class FakeClient:
    """Always connected; `published`: all messages, as (topic, payload, qos, retain)."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, int, bool]] = []
        self.subscribed: list[str] = []
        self.on_connect = self.on_disconnect = self.on_publish = self.on_subscribe = self.on_message = _ignore

    def connect(self, host: str, port: int, keepalive: int) -> None:
        """There is nothing to connect to."""

    def loop_start(self) -> None:
        """Report the connection."""
        self.on_connect(self, None, None, SUCCESS, None)

    def loop_stop(self) -> None:
        """There is no loop."""

    def subscribe(self, topic: str, qos: int) -> tuple[int, int]:  # noqa: ARG002 (as paho)
        """Remember the topic."""
        self.subscribed.append(topic)
        mid = len(self.subscribed)
        self.on_subscribe(self, None, mid, [self.answer(topic)], None)
        return 0, mid

    def answer(self, topic: str) -> Any:  # noqa: ARG002 (of other brokers)
        """Whether the topic may be read."""
        return SUCCESS

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> Any:
        """Take a message, and acknowledge it."""
        self.published.append((topic, payload, qos, retain))
        mid = len(self.published)
        self.on_publish(self, None, mid, SUCCESS, None)
        return SimpleNamespace(mid=mid, wait_for_publish=_ignore)

    def say(self, topic: str, payload: bytes) -> None:
        """Deliver a message of another client."""
        self.on_message(self, None, SimpleNamespace(topic=topic, payload=payload, retain=False))

    def disconnect(self) -> None:
        """There is nothing to disconnect."""


def _ignore(*_: Any) -> None: ...
