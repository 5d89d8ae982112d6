"""The values of keys about who may use a published port, and how much, each checked and in normal form."""

import re
from ipaddress import ip_network
from typing import Any

from ..hours import mistake, window
from .fields import prefix_or_address, wrong

RATE = re.compile(r"([0-9]{1,9})(?:/(second|minute|hour|day)(?: burst ([0-9]{1,9}))?)?")
MOST, MOST_BURST = 1_000_000, 10_000  # the kernel counts in nanoseconds
KEYS = ("allow_from", "host_if", "rate", "hours")
OLD = range(0x10000, 1 << 32)  # of ::/96, IPv4-compatible addresses (RFC 4291, 2.5.5.1)


def rate(text: str) -> str:
    """Of new connections, and how many may come at once when none has come for a while."""
    found = RATE.fullmatch(" ".join(text.split()))
    if text and not found:
        raise wrong(f"{text[:60]!r} is no rate", "as 100/second, or 100/minute burst 20")
    if found and not 1 <= int(found[1]) <= MOST:
        raise wrong(f"a rate of {found[1]}", f"1 to {MOST}; to let nobody in, do not publish the port")
    if found and found[3] and not 1 <= int(found[3]) <= MOST_BURST:
        raise wrong(f"a burst of {found[3]}", f"1 to {MOST_BURST} connections")
    return found[0] if found else ""


def source(text: str) -> str:
    """Where somebody comes from: a prefix, or an address."""
    if not text:
        raise wrong("no source", "an address or a prefix, as 192.0.2.0/24; a variable may not be set")
    found = ip_network(prefix_or_address(text))
    if found.version == 6 and int(found.network_address) in OLD:
        raise wrong(f"{text} is an address that nobody has any more", "as 192.0.2.10 or 2001:db8::10")
    return str(found)


def hours(text: str) -> str:
    """Days, a time, and the zone whose clocks are meant."""
    normal = " ".join(text.split())
    try:
        window(normal)
    except ValueError as error:
        message, hint = error.args
        raise wrong(message, hint) from None
    return normal


def limits_said(port: Any) -> Any:
    """What is written and empty would let everybody in, or nobody: an unset variable, mostly."""
    for name in KEYS:
        if name in port.model_fields_set and not vars(port)[name]:
            raise wrong(f"`{name}` is empty", "write a value, or leave the key away")
    message, hint = mistake(vars(port)["hours"])
    if message:
        raise wrong(message, hint)
    return port
