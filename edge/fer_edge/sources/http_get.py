"""HTTP GET as cameras need it: with a user, a time in which the answer must have come, and an end from any thread.

urllib alone is no match for a camera that means harm: a server that sends a byte now and then holds it for ever, and
the body of a redirect is read whole.
"""

from __future__ import annotations

import http.client
import io
import logging
import math
import socket
import ssl
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from contextlib import suppress
from email.message import Message
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from fer_edge.urls import mask

_log = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 16  # read at once
_ZIPPED = ("gzip", "x-gzip", "deflate")
_ANY_WINDOW = 32 + zlib.MAX_WBITS  # zlib finds out whether it is gzip or deflate


class HttpGet:
    """Asks one address, whose secrets it never shows, as often as it is told to; one answer at a time."""

    def __init__(self, url: str, timeout: float) -> None:
        """`url` may have a user and a password, for Basic or Digest authentication; `timeout` in seconds."""
        parts = urlsplit(url)
        bare = parts.netloc.rpartition("@")[2]
        self._url = urlunsplit((parts.scheme, bare, parts.path, parts.query, ""))
        self.timeout = timeout
        self.deadline = Deadline()
        self._user = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
        self._opener = self._make_opener(verify=True)

    def _make_opener(self, verify: bool) -> urllib.request.OpenerDirector:
        opener = urllib.request.OpenerDirector()  # build_opener's would follow a redirect to ftp://, too
        opener.addheaders = [("User-Agent", "fer-edge")]
        handlers: list[urllib.request.BaseHandler] = [
            urllib.request.ProxyHandler(),
            urllib.request.UnknownHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            _Errors(),
            _Redirects(),
            _Connections(self.deadline, verify),
        ]
        if self._user is not None:
            passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
            passwords.add_password(None, self._url, *self._user)
            handlers += [
                urllib.request.HTTPDigestAuthHandler(passwords),
                urllib.request.HTTPBasicAuthHandler(passwords),
            ]
        for handler in handlers:
            opener.add_handler(handler)
        return opener

    def open(self) -> Answer:
        """The answer, of which the headers have come.

        Raises OSError (urllib.error.HTTPError: another status than 200), http.client.HTTPException, ValueError.
        """
        self.deadline.start(self.timeout)
        try:
            answer = self._opener.open(self._url)
        except urllib.error.HTTPError as error:
            error.close()
            raise
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ssl.SSLCertVerificationError):
                raise
            # Most cameras have made theirs themselves. FFmpeg takes any, and says nothing.
            _log.warning(
                f"{mask(self._url)}: its certificate cannot be checked ({error.reason.verify_message}), so another "
                "device may pose as this camera; to fix it, give the camera a certificate that this device trusts"
            )
            self._opener = self._make_opener(verify=False)
            answer = self._opener.open(self._url)
        return Answer(answer, self.deadline)


class Answer:
    """An open answer; `headers` are there, the body is read piece by piece, unzipped if it is zipped."""

    def __init__(self, response: Any, deadline: Deadline) -> None:
        self.headers: Message = response.headers
        self._response, self._deadline = response, deadline
        zipped = self.headers.get("Content-Encoding", "").strip().lower() in _ZIPPED
        self._unzip = zlib.decompressobj(_ANY_WINDOW) if zipped else None

    def read(self, timeout: float | None = None) -> bytes:
        """What comes next, CHUNK_BYTES at most; b"" at the end. Raises OSError, http.client.HTTPException, ValueError.

        `timeout`: seconds from now in which it must come; None: in what is left of the last one.
        """
        if timeout is not None:
            self._deadline.start(timeout)
        if self._unzip is None:
            return bytes(self._response.read1(CHUNK_BYTES))
        while not self._unzip.eof:
            data = self._unzip.unconsumed_tail or self._response.read1(CHUNK_BYTES)
            if not data:
                break
            try:
                if clear := self._unzip.decompress(data, CHUNK_BYTES):
                    return clear
            except zlib.error as cause:
                raise ValueError(f"is zipped wrongly ({cause})") from cause
        return b""

    def read_all(self, max_bytes: int) -> bytes:
        """All that is left. Raises ValueError if it is longer, OSError, http.client.HTTPException."""
        parts, length = [], 0
        while part := self.read():
            parts.append(part)
            length += len(part)
            if length > max_bytes:
                raise ValueError(f"is longer than {max_bytes / 1e6:g} MB")
        return b"".join(parts)

    def close(self) -> None:
        """End the connection. May be called twice."""
        self._response.close()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Deadline:
    """The moment at which all has to have come; `end` makes it now, from any thread, for good."""

    def __init__(self) -> None:
        self._until = math.inf
        self._socket: socket.socket | None = None
        self.ended = False

    def start(self, seconds: float) -> None:
        """All has to have come so many seconds from now."""
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, above 0. Raises TimeoutError."""
        left = self._until - time.monotonic()
        if left <= 0 or self.ended:
            raise TimeoutError("timed out")
        return left

    def watch(self, connection: socket.socket) -> None:
        """`end` is to end this one, too."""
        self._socket = connection

    def end(self) -> None:
        """Wake who waits for data."""
        self.ended = True
        if (connection := self._socket) is not None:
            with suppress(OSError):  # it is closed
                # The method of the class: an SSLSocket's own forgets its keys, and the other thread would read ciphers.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Connections(urllib.request.AbstractHTTPHandler):
    """Opens what is read within a deadline."""

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def __init__(self, deadline: Deadline, verify: bool) -> None:
        super().__init__()
        self._deadline, self._verify = deadline, verify

    def http_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(self._timed(http.client.HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(self._timed(http.client.HTTPSConnection, context=self._context), request)

    @cached_property
    def _context(self) -> ssl.SSLContext:  # made when it is needed: it reads all authorities
        context = ssl.create_default_context()
        if not self._verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def _timed(self, kind: Callable[..., http.client.HTTPConnection], **how: Any) -> Any:
        def connect(host: str, **_: Any) -> http.client.HTTPConnection:
            connection = kind(host, timeout=self._deadline.left(), **how)
            connection.response_class = self._response  # type: ignore[assignment]
            return connection

        return connect

    def _response(self, connection: socket.socket, *values: Any, **named: Any) -> http.client.HTTPResponse:
        self._deadline.watch(connection)
        timed: Any = _TimedSocket(connection, self._deadline)
        return http.client.HTTPResponse(timed, *values, **named)


class _TimedSocket:
    """As much of a socket as HTTPResponse uses."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection, self._deadline = connection, deadline

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._connection, self._deadline), CHUNK_BYTES)


class _TimedReader(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection, self._deadline = connection, deadline
        self._raw = connection.makefile("rb", buffering=0)  # keeps the connection open until it is closed itself

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._connection.settimeout(self._deadline.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects without the bodies that come with them, which urllib reads whole."""

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.close()
        return super().http_error_302(req, io.BytesIO(), code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class _Errors(urllib.request.HTTPErrorProcessor):
    """Closes each answer that leads to another request, or to an error."""

    def http_response(self, request: Any, response: Any) -> Any:
        answer = response
        try:
            answer = super().http_response(request, response)
        finally:
            if answer is not response or not 200 <= response.status < 300:
                response.close()
        return answer

    https_response = http_response
