"""Ctrl-C and SIGTERM ask for an end; what was there before comes back."""

from __future__ import annotations

import os
import signal

import pytest

from tools.signals import asked_to_end


def signal_twice(number: signal.Signals) -> None:
    with asked_to_end() as cancelled:
        assert not cancelled()
        os.kill(os.getpid(), number)
        assert cancelled()
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_interrupts(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        signal_twice(number)
    assert signal.getsignal(number) == before
