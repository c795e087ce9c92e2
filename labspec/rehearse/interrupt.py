"""Ctrl-C during a rehearsal: it ends what waits, once, and raises nowhere else.

Raised anywhere in a running loop, as Python does with the second one, it loses wake-ups: tasks then wait for ever.
"""

import asyncio
import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class Interrupt:
    """Takes Ctrl-C while it is entered; leaves with KeyboardInterrupt where it ended something."""

    def __init__(self) -> None:
        self._came = False
        self._end: asyncio.Task[object] | None = None
        self._before: signal._HANDLER = None

    def __enter__(self) -> Self:
        # A job in the background ignores it, and goes on doing so.
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            self._before = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self._came and isinstance(error, asyncio.CancelledError):
            raise KeyboardInterrupt from None

    def ends_this_task(self) -> None:
        """From here on it ends the task that calls this, where that waits."""
        self._end = asyncio.current_task()
        if self._came and self._end is not None:
            self._end.cancel()

    def ends_nothing(self) -> None:
        """From here on all is done."""
        self._end = None

    def _interrupted(self, _: int, __: FrameType | None) -> None:
        if not self._came and self._end is not None:
            self._end.get_loop().call_soon_threadsafe(self._end.cancel)
        self._came = True
