"""Slow work for clients: one after the other, in a thread, and ended at once when its client or the service goes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from starlette.requests import Request

from fer_edge.service.child import command, environment
from fer_edge.sinks.kiosk.limits import Places
from fer_edge.sinks.kiosk.responses import RequestError, client_address, wait_for_disconnect

T = TypeVar("T")


class CancelledJobError(Exception):
    """The work was ended before it was done; raised only in its thread."""


class Job:
    """One piece of work. `cancel` may be called from any thread: it ends the program that the work has started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """End it at once."""
        with self._lock:
            self._cancelled = True
            if self._child is not None:
                self._child.kill()

    def check(self) -> None:
        """Raise CancelledJobError if it was cancelled."""
        if self._cancelled:
            raise CancelledJobError

    def checked(self, items: Iterable[T]) -> Iterator[T]:
        """`items`, until it is cancelled."""
        for item in items:
            self.check()
            yield item

    def run_module(
        self, module: str, arguments: Sequence[str], timeout_s: float, descriptors: Sequence[int] = ()
    ) -> tuple[int, str, str]:
        """Run `python -m module` of this package; its exit code, output and errors.

        Raises subprocess.TimeoutExpired, CancelledJobError.
        """
        pipe = subprocess.PIPE
        with self._lock:
            self.check()
            child = self._child = subprocess.Popen(
                command(module, *arguments),
                stdin=subprocess.DEVNULL,
                stdout=pipe,
                stderr=pipe,
                env=os.environ | environment(),
                pass_fds=descriptors,
            )
        try:
            out, errors = child.communicate(timeout=timeout_s)
        finally:
            with self._lock:
                self._child = None
            if child.returncode is None:
                child.kill()
                child.communicate()
        self.check()
        return child.returncode, out.decode("utf-8", "replace"), errors.decode("utf-8", "replace")


class Jobs:
    """Runs one job at a time, so that the loop keeps its processor; a few more may wait, of one address only one."""

    def __init__(self, waiting: int) -> None:
        self._waiting = waiting
        self._places = Places(1 + waiting, share=1, kept=1)
        self._turn = asyncio.Lock()
        self._closing = asyncio.Event()
        self._running: set[threading.Thread] = set()

    async def run(self, request: Request, work: Callable[..., T], *arguments: Any) -> T:
        """The result of `work(*arguments, job)`. The body of `request` must have been read.

        Raises RequestError if too many wait, or if the service ends; what `work` raises.
        """
        address = client_address(request.scope)
        if self._closing.is_set() or not self._places.take(address):
            raise RequestError(429, f"{self._waiting} requests are waiting already; try again in a moment")
        job = Job()
        task = asyncio.create_task(self._in_turn(job, work, arguments))
        task.add_done_callback(lambda _: self._places.free(address))
        ends = [asyncio.create_task(wait_for_disconnect(request.receive)), asyncio.create_task(self._closing.wait())]
        try:
            await asyncio.wait([task, *ends], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
        finally:
            for end in ends:
                end.cancel()
            if not task.done():
                job.cancel()
                task.add_done_callback(_forget)
        raise RequestError(503, "the service ends; try again in a moment")

    async def run_unasked(self, work: Callable[..., T], *arguments: Any) -> T:
        """The same for nobody's request. Ends with the task that waits for it. Raises what `work` raises."""
        job = Job()
        try:
            return await self._in_turn(job, work, arguments)
        finally:
            job.cancel()

    async def _in_turn(self, job: Job, work: Callable[..., T], arguments: Sequence[Any]) -> T:
        async with self._turn:
            job.check()
            future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            thread = threading.Thread(
                target=_work, args=(future, work, (*arguments, job)), name="kiosk job", daemon=True
            )
            self._running = {thread}
            thread.start()
            return await asyncio.shield(future)

    def close(self) -> None:
        """End all; to be called in the server's thread."""
        self._closing.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread that was working when it was closed; to be called in another thread."""
        for thread in self._running:
            thread.join(timeout_s)


def _work(future: asyncio.Future[Any], work: Callable[..., Any], arguments: Sequence[Any]) -> None:
    """Runs in a thread: one that asyncio knows would be waited for at the end of the program."""
    loop = future.get_loop()
    try:
        result, failure = work(*arguments), None
    except BaseException as error:  # noqa: BLE001 (raised in the server's thread)
        result, failure = None, error

    def done() -> None:
        if future.cancelled():
            return
        if failure is None:
            future.set_result(result)
        else:
            future.set_exception(failure)

    with suppress(RuntimeError):  # the server has ended
        loop.call_soon_threadsafe(done)


def _forget(task: asyncio.Task[Any]) -> None:
    """Nobody asks any longer how it ended."""
    if not task.cancelled():
        task.exception()
