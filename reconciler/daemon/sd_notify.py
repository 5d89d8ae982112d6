"""What systemd is told: one datagram to the socket that it names (sd_notify(3)); nothing
where there is none."""

import os
import socket
from contextlib import suppress


def notify(**fields: object) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    text = "\n".join(f"{name}={value}" for name, value in fields.items()).encode(errors="replace")
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.sendto(text, "\0" + address[1:] if address.startswith("@") else address)
