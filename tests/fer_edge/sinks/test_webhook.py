"""Events reach a real server, also one that fails, hangs, is away, or has a certificate that is not trusted."""

from __future__ import annotations

import json
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from fer_edge.errors import SettingsError, SinkError
from fer_edge.pause import PauseSwitch
from fer_edge.records import event_record
from fer_edge.settings import Settings, WebhookSettings
from fer_edge.sinks.event_queue import Refused
from fer_edge.sinks.webhook import Webhook, open_webhook
from fer_edge.types import Event, Observation

Make = Callable[..., Observation]
SOON = 10.0  # seconds


class Server:
    """Answers with the next of `answers`: a status, or bytes that it sends one by one and then holds the line."""

    def __init__(self) -> None:
        self.got: queue.Queue[tuple[str, dict[str, str], Any]] = queue.Queue()
        self.answers: list[int | bytes] = []
        self.over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.got.put((self.path, dict(self.headers), body))
                answer = outer.answers.pop(0) if outer.answers else 204
                if isinstance(answer, int):
                    self.send_response(answer)
                    self.end_headers()
                    return
                with suppress(OSError):
                    for byte in answer:
                        self.wfile.write(bytes([byte]))
                        if outer.over.wait(0.01):
                            return
                    outer.over.wait(SOON)

            def log_message(self, *_: Any) -> None: ...

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.http.timeout = SOON
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)

    def url(self, path: str = "/hook", scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self.over.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.thread.start()
    yield server
    server.close()


@pytest.fixture
def record(make_observation: Make) -> dict[str, Any]:
    return event_record(*changed(make_observation))


def changed(make_observation: Make) -> tuple[Observation, Event]:
    seen = make_observation(7, "happy")
    return seen, Event("changed", seen.faces[0])


def test_the_event_is_posted_as_json(server: Server, record: dict[str, Any]) -> None:
    settings = WebhookSettings(url=server.url("/a/b?key=1"), headers={"Authorization": "Bearer 1234"})
    Webhook(settings).post(record)
    path, headers, body = server.got.get(timeout=SOON)
    assert path == "/a/b?key=1"
    assert body == record
    assert headers["Authorization"] == "Bearer 1234"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("fer-edge/")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 599])
def test_temporary_failures_are_retried(server: Server, record: dict[str, Any], status: int) -> None:
    """What may work later is an error that is tried again."""
    server.answers = [status]
    with pytest.raises(SinkError, match=f"webhook http://127.0.0.1:{server.port}: answers {status}") as caught:
        Webhook(WebhookSettings(url=server.url())).post(record)
    assert not isinstance(caught.value, Refused)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 410])
def test_permanent_failures_are_refused(server: Server, record: dict[str, Any], status: int) -> None:
    """What will not work later is refused."""
    server.answers = [status]
    with pytest.raises(Refused, match=rf"answers {status} .*check webhook\.url"):
        Webhook(WebhookSettings(url=server.url())).post(record)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 1000])
def test_slow_server_is_cut_off(server: Server, record: dict[str, Any], answer: bytes) -> None:
    """A server that hangs or dribbles is left after the time limit."""
    server.answers = [answer]
    with pytest.raises(SinkError, match=r"no answer within 0\.2 s"):
        Webhook(WebhookSettings(url=server.url(), timeout_seconds=0.2)).post(record)


def test_unreachable_server_is_reported(record: dict[str, Any]) -> None:
    """A server that is down or speaks another language is reported."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SinkError, match=r"no answer \(\[Errno 111\] Connection refused\)"):
        Webhook(WebhookSettings(url=f"http://127.0.0.1:{port}/")).post(record)
    with pytest.raises(SinkError, match="unknown host"):
        Webhook(WebhookSettings(url="http://no-such-host.invalid/")).post(record)


def test_non_http_server_is_reported(server: Server, record: dict[str, Any]) -> None:
    """A server that is no web server is reported."""
    server.answers = [b"220 mail.example ESMTP\r\n"]
    with pytest.raises(SinkError, match=r"no answer \(220 mail"):
        Webhook(WebhookSettings(url=server.url())).post(record)


def test_event_arrives_after_two_failures(
    server: Server, make_observation: Make, monkeypatch: pytest.MonkeyPatch, logged: queue.Queue[str]
) -> None:
    """An event gets through after two failures."""
    monkeypatch.setattr("fer_edge.retry.FIRST_PAUSE_S", 0.01)
    server.answers = [500, 503]
    box = open_webhook(replace(Settings(), webhook=WebhookSettings(url=server.url())), PauseSwitch())
    seen, event = changed(make_observation)
    box.write(replace(seen, events=(event,)))
    bodies = [server.got.get(timeout=SOON)[2] for _ in range(3)]
    assert bodies == [event_record(seen, event)] * 3
    box._retry.failing = False  # or it would be too soon to say so
    box.close()
    assert "answers 500" in logged.get_nowait()
    assert logged.empty()
    assert server.got.empty()


@pytest.fixture
def secure(server: Server, tmp_path: Path) -> Path:
    """The server with a certificate; the path of its authority's."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


def test_certificates_are_checked(server: Server, secure: Path, record: dict[str, Any]) -> None:
    with pytest.raises(SinkError, match=r"its certificate is not trusted \(.*webhook\.ca_file"):
        Webhook(WebhookSettings(url=server.url(scheme="https"))).post(record)
    url = f"https://localhost:{server.port}/"  # the certificate is another name's
    with pytest.raises(SinkError, match="its certificate is not trusted"):
        Webhook(WebhookSettings(url=url, ca_file=str(secure))).post(record)
    assert server.got.empty()
    Webhook(WebhookSettings(url=server.url(scheme="https"), ca_file=str(secure))).post(record)
    assert server.got.get(timeout=SOON)[2] == record


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, r"webhook\.url: not an address"),
        ({"url": "htps://hooks.example/s3cret"}, r"webhook\.url: not an address [^3]*$"),
        ({"url": "https://ann:s3cret@x:99999/y"}, r"webhook\.url: not an address [^3]* from 1 to 65535\)[^3]*$"),
        ({"url": "ftp://x/y"}, "webhook.url: not an address"),
        ({"url": "http:///y"}, "not an address"),
        ({"url": "http://x:99999/y"}, "not an address"),
        ({"url": "http://x/a b"}, "not an address"),
        ({"url": "http://x/ä"}, "not an address"),
        ({"url": "https://x/y#s3cret"}, "holds a #, at which an address ends; write # as %23"),
        ({"url": "http://ann:s3cret@x/y"}, r"contains a user or a password; .*webhook\.headers"),
        ({"url": "http://x/", "headers": {"X Y": "1"}}, "a name in it is none of a header"),
        ({"url": "https://x/", "ca_file": "/no/such/file"}, "ca_file: no certificates"),
        ({"url": "https://x/", "ca_file": __file__}, "no certificates in PEM form"),
    ],
)
def test_invalid_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    """Settings that cannot work are refused at once."""
    with pytest.raises(SettingsError, match=words) as caught:
        open_webhook(replace(Settings(), webhook=WebhookSettings(**settings)), PauseSwitch())
    assert "s3cret" not in str(caught.value)


def test_secrets_are_not_logged(server: Server, record: dict[str, Any]) -> None:
    """Secrets in the address are not told."""
    server.answers = [404]
    with pytest.raises(Refused) as caught:
        Webhook(WebhookSettings(url=server.url("/services/T0/s3cret?token=s3cret"))).post(record)
    assert "s3cret" not in str(caught.value)


def test_stop_ends_a_post_at_once(make_observation: Make) -> None:
    """A server that takes the request and answers nothing holds up no end of the program."""
    seen = make_observation(1, "happy")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        sink = open_webhook(Settings(webhook=WebhookSettings(url=url, timeout_seconds=60)), PauseSwitch())
        sink.write(Observation(seen.frame, seen.faces, (Event("came", seen.faces[0]),)))
        connection, _ = deaf.accept()
        with connection, pytest.raises(SinkError, match="could not deliver"):
            sink.close(0.01)
    assert not sink._thread.is_alive()
