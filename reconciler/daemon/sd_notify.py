"""What systemd is told: one datagram to the socket that it names (sd_notify(3)); nothing
where there is none."""

import os
import socket
import time
from contextlib import suppress

OFTEN, LONGER = 1.0, 60.0  # seconds between two signs of life, and that a start may still take after each


def notify(**fields: object) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    text = "\n".join(f"{name}={value}" for name, value in fields.items()).encode(errors="replace")
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.sendto(text, "\0" + address[1:] if address.startswith("@") else address)


class Progress:
    """Called with each piece of long work, it says now and then that there is some: the watchdog is fed and a
    start takes longer because something is done, not because a thread is alive."""

    told = 0.0

    def __call__(self) -> None:
        if (now := time.monotonic()) - self.told >= OFTEN:
            self.told = now
            notify(WATCHDOG=1, EXTEND_TIMEOUT_USEC=int(LONGER * 1e6))
