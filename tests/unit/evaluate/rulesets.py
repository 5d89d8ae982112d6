"""All rules that are ever written: found, not listed, so that a new ruleset is among them."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pkgutil import walk_packages

from reconciler import drivers
from reconciler.cnm.naming import Listed
from reconciler.drivers.firewall import named
from reconciler.drivers.firewall.ruleset import Ruleset
from reconciler.kinds import balancer
from reconciler.kinds.nft import Chain


@cache
def chains() -> tuple[Chain, ...]:
    found = {chain.key: chain for ruleset in rulesets() for chain in of(ruleset)}
    return (*found.values(), *balancing(), *naming())


def naming() -> Iterator[Chain]:
    """That of a view of names."""
    ports = tuple((protocol, (443, 444)) for protocol in (6, 17)), ((0, (0, 65535)),)
    listed = [Listed(name="x.com", itself=True, below=False, ports=one) for one in ports]
    yield from (r for r in named.view_skeleton("", listed, "") if isinstance(r, Chain))


def balancing() -> Iterator[Chain]:
    """What sandboxes have by how many replicas there are, by weights, and where clients have theirs."""
    several = [[f"{ip}{n}" for n in range(2, 5)] for ip in ("10.0.0.", "fd00::")]
    servers = [
        (
            f"{ends[0][:-1]}9",
            by_client,
            tuple((end, share) for end, share in zip(ends, (1, 1, weight), strict=True)),
        )
        for ends in several
        for by_client, weight in ((False, 1), (True, 1), (False, 1000))
    ]
    yield from (r for r in balancer.skeleton(servers) if isinstance(r, Chain))


def rulesets() -> Iterator[Ruleset]:
    """Those of every module of the drivers."""
    for module in walk_packages(drivers.__path__, f"{drivers.__name__}."):
        yield from (one for one in vars(import_module(module.name)).values() if isinstance(one, Ruleset))


def of(ruleset: Ruleset) -> Iterator[Chain]:
    return (r for r in ruleset.skeleton() if isinstance(r, Chain))
