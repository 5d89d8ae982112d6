"""How a process of ours has ended, in words."""

import signal
from contextlib import suppress


def ended(code: int) -> str:
    """Of its exit code, or the number of the signal that it died of, below zero (subprocess.Popen)."""
    return f"died of {signal_name(-code)}" if code < 0 else f"ended with status {code}"


def signal_name(number: int) -> str:
    """As SIGSEGV; Python has no name for most of the real-time ones."""
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
