"""A run that is over starts nothing more, and signals end it once. What needs real programs is in `integration`."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from cudapin.adapters.children import Children, StoppedError, ends_noted, first_end

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


def test_signals_are_noted_and_disturb_nothing() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ends_noted() as ends:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        ends.put(None)
        found = first_end(ends), first_end(ends), first_end(ends)
    assert found == (signal.SIGTERM, signal.SIGINT, None)
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ends_noted():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_hears_no_signals() -> None:
    done: list[object] = []

    def work() -> None:
        with ends_noted():
            done.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [signal.getsignal(signal.SIGTERM)]
