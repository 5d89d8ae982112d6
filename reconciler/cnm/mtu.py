"""How much the links of a network send at once: no more than what lies below lets through.

What lies below may shrink when the network stands: then it follows, and that is told.
"""

from collections.abc import Iterator
from dataclasses import replace

from ..inventory.facts import Facts
from ..manifest.spec import LEAST_IPV6_MTU
from ..mistakes import WrongMtu
from .carrier import Carrier
from .driver import Wanted
from .topology import Network


def fitted(wanted: Wanted, room: int, facts: Facts, message: str, hint: str) -> int:
    """What is written, or all the room there is.  Raises ManifestError with these words where more is written
    and the network is new."""
    written = room if wanted.spec.mtu == "auto" else int(wanted.spec.mtu)
    if written > room and wanted.name not in facts.mtus:
        raise WrongMtu(message, hint, wanted.spec.where)
    return min(written, room)


def with_room_for_ipv6(carrier: Carrier, wanted: Wanted, facts: Facts) -> Carrier:
    """Linux takes IPv6 from a link of a lesser MTU (addrconf_notify).  What lies behind the host keeps it
    when what is below shrinks: packets may go in fragments.  Raises ManifestError where it is new."""
    if not wanted.spec.enable_ipv6 or carrier.mtu >= LEAST_IPV6_MTU:
        return carrier
    if wanted.name not in facts.mtus:
        message = (
            f"network {wanted.spec.name} would have an MTU of {carrier.mtu}, and IPv6 needs {LEAST_IPV6_MTU}"
        )
        hint = "raise that of the link below, or leave `enable_ipv6` out"
        raise WrongMtu(message, hint, wanted.spec.where)
    return replace(carrier, mtu=LEAST_IPV6_MTU, room=carrier.mtu) if carrier.inner else carrier


def warnings(network: Network) -> Iterator[str]:
    """Where it is not as it is written."""
    written, below, carrier = network.spec.mtu, "what it stands on lets no more through", network.carrier
    if written != "auto" and int(written) > network.mtu:
        yield f"network {network.name} has an MTU of {network.mtu} instead of {written}: {below}"
    if carrier.room:
        what = f"the {carrier.room} bytes that the link below lets through"
        yield f"network {network.name} keeps an MTU of {network.mtu} for IPv6, which is more than {what}"
    elif network.ipv6 and network.mtu < LEAST_IPV6_MTU:
        lack = f"its MTU is {network.mtu}, and IPv6 needs {LEAST_IPV6_MTU}"
        yield f"network {network.name} is without IPv6: {lack}"
