"""All rules that are ever written: found, not listed, so that a new ruleset is among them."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pkgutil import walk_packages

from reconciler import drivers
from reconciler.drivers.firewall.ruleset import Ruleset
from reconciler.kinds import balancer
from reconciler.kinds.nft import Chain


@cache
def chains() -> tuple[Chain, ...]:
    found = {chain.key: chain for ruleset in rulesets() for chain in of(ruleset)}
    return (*found.values(), *(r for r in balancer.skeleton() if isinstance(r, Chain)))


def rulesets() -> Iterator[Ruleset]:
    """Those of every module of the drivers."""
    for module in walk_packages(drivers.__path__, f"{drivers.__name__}."):
        yield from (one for one in vars(import_module(module.name)).values() if isinstance(one, Ruleset))


def of(ruleset: Ruleset) -> Iterator[Chain]:
    return (r for r in ruleset.skeleton() if isinstance(r, Chain))
