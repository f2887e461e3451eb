"""A process that has searched still ends cleanly: the solver leaves SIGTERM and SIGINT alone."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

_MAIN = """
import signal, sys, threading, time

from scheduler import cp_sat

heard = threading.Event()
number = signal.Signals[sys.argv[1]]
signal.signal(number, lambda *_: heard.set())
searching = threading.Thread(target=cp_sat.warm_up)
searching.start()
searching.join()
signal.raise_signal(number)
sys.exit(0 if heard.wait(30) else 1)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_after_a_search_is_heard(number: signal.Signals) -> None:
    done = subprocess.run([sys.executable, "-c", _MAIN, number.name], check=False, timeout=120)
    assert done.returncode == 0
