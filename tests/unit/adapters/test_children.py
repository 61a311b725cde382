"""A run that is over starts nothing more, and signals end it once. What needs real programs is in `integration`."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from cudapin.adapters.children import Children, Interrupted, StoppedError, interruptible

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def test_nothing_starts_after_the_end(tmp_path: Path) -> None:
    children = Children()
    children.check()
    children.stop()
    assert children.is_stopped
    with pytest.raises(StoppedError):
        children.check()
    with pytest.raises(StoppedError):
        children.run(["no-such-program"], tmp_path, {}, tmp_path / "log")


def test_the_first_signal_ends_and_later_ones_wait() -> None:
    before = signal.getsignal(signal.SIGTERM)
    tidied: list[bool] = []

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            tidied.append(True)

    with pytest.raises(Interrupted, match="SIGTERM") as caught, interruptible():
        work()
    assert (caught.value.number, tidied) == (signal.SIGTERM, [True])
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_hears_no_signals() -> None:
    done: list[object] = []

    def work() -> None:
        with interruptible():
            done.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [signal.getsignal(signal.SIGTERM)]
