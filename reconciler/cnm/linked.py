"""What Compose's `links:` call others by, for the one who has them."""

from collections.abc import Iterator, Sequence

from .endpoint import SandboxSpec
from .naming import Zone
from .zones import Attached, has_names


def aliases_of_links(one: SandboxSpec, ends: Attached, known: Sequence[Zone]) -> Iterator[tuple[str, str]]:
    """(address, name) of what Compose's `links: [SERVICE:ALIAS]` calls otherwise, for this one alone; also of
    SERVICE where nobody answers for it."""
    here = {network.name: has_names(network) for network, _ in ends}
    for link in one.spec.links:
        target, _, alias = link.partition(":")
        for zone in known:
            if zone.network in here and zone.project == one.project.name:
                told = dict.fromkeys((alias, "" if here[zone.network] else target))
                found = [ip for ip, called in zone.entries if target.lower() in called]
                yield from ((ip, name) for ip in found for name in told if name)
