"""What a sandbox's root may take from a link that others' programs have made, and how a plan tells it."""

from collections.abc import Iterator


def losses(address: str) -> Iterator[tuple[str, str]]:
    """Lines for `ip -batch` in there, each with what is told of eth0 then."""
    yield "link del eth0", "eth0 is gone"
    yield f"addr del {address} dev eth0", f"eth0 has lost {address}"
    yield "link set eth0 address 02:00:00:00:00:99", "the MAC of eth0 is another"
    yield "link set eth0 down\nlink set eth0 name other", "eth0 is gone"
