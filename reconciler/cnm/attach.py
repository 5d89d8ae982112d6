"""Sandboxes that are attached to namespaces of others: to which, and what is said where there is none.

What stands stays until there is another to attach to: a container that is down comes back.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..errors import Finding
from ..family import family
from ..inventory.facts import Facts, ForeignNamespace
from ..mistakes import WrongAttachment
from .endpoint import SandboxSpec
from .handed import end_of
from .topology import Awaited, Endpoint, Network


def able(here: Iterable[SandboxSpec], facts: Facts, found: list[Finding]) -> Iterator[SandboxSpec]:
    """All that stand here or can; `found` takes why others cannot."""
    for one in here:
        told = namespace(one, facts)
        if told.wrong:
            message = f"{one.name} cannot be attached to {one.spec.attach}: {told.wrong}"
            found.append(WrongAttachment(message, "name another", one.spec.where))
        elif told.lack:
            found.append(f"{one.spec.where}: {one.name} is attached to {one.spec.attach} later: {told.lack}")
        if told.identity:
            yield one


def awaited(here: Iterable[SandboxSpec], facts: Facts) -> Iterator[Awaited]:
    """What these are to be attached to, and is not there."""
    for one in here:
        if namespace(one, facts).lack:
            yield Awaited(one.project.name, one.spec.attach)


def namespace(one: SandboxSpec, facts: Facts) -> ForeignNamespace:
    """The namespace that it is attached to, or is to be; one of its own tells itself apart by its name."""
    if not one.spec.attach or end_of(one.spec):
        return ForeignNamespace(identity=one.name)
    title = one.spec.attach
    if not facts.known:
        return ForeignNamespace(identity=title)
    told = facts.attached.get(title, ForeignNamespace(lack="nothing is known of it"))
    stood = facts.identities.get(one.name, "")
    if told.identity and is_other(told.identity, stood):
        told = ForeignNamespace(lack=f"{title} is another process than it is attached to")
    if told.wrong and stood:
        told = ForeignNamespace(lack=told.wrong)
    return told if told.identity or told.wrong else told._replace(identity=stood)


def is_other(identity: str, stood: str) -> bool:
    """Whether a number has come to another process."""
    (number, since), (before, began) = process(identity), process(stood)
    return number == before and since != began


def process(identity: str) -> tuple[str, str]:
    """`netns:[1] of 7 since 23` tells the number of a process and when it began; others none."""
    number, _, since = identity.partition(" of ")[2].partition(" since ")
    return number, since


def by_name(here: Iterable[SandboxSpec], facts: Facts) -> Mapping[str, ForeignNamespace]:
    """Of those that are attached."""
    return {one.name: namespace(one, facts) for one in here if one.spec.attach and not end_of(one.spec)}


def beside_others(
    one: SandboxSpec, ends: Iterable[tuple[Network, Endpoint]], facts: Facts
) -> Iterator[tuple[Network, Endpoint]]:
    """What others have made in there goes before: their default route stays."""
    routed = namespace(one, facts).routed
    for network, end in ends:
        ways = tuple(way for way in end.gateways if family(way[0]) not in routed)
        yield network, replace(end, gateways=ways) if routed else end


def findings(here: Sequence[SandboxSpec], networks: Iterable[Network], facts: Facts) -> Iterator[Finding]:
    """One namespace has one sandbox, and what others have made in there keeps its names.  Whoever is root
    there and takes one of ours later brings trouble to his sandbox alone."""
    to = by_name(here, facts)
    specs = {one.name: one.spec for one in here}
    stands = ((name, told) for name, told in facts.identities.items() if name in facts.sandboxes)
    held = {told.partition(" ")[0]: f"{name} of project {facts.sandboxes[name]}" for name, told in stands}
    for name, told in to.items():
        other = held.setdefault(told.identity.partition(" ")[0], name)
        if other != name and facts.known:
            message = f"{name} and {other} would be attached to one namespace"
            yield WrongAttachment(message, "one container can be on several networks", specs[name].where)
    for one in here:
        if one.spec.ports and namespace(one, facts).routed:
            route = f"{one.spec.attach} has a default route of its own, by which answers leave"
            yield f"{one.spec.where}: published ports of {one.name} may not be reached: {route}"
    new = {name for name, told in to.items() if facts.identities.get(name) != told.identity}
    for end in (end for network in networks for end in network.endpoints if end.sandbox in new):
        if end.ifname in to[end.sandbox].links:
            message = f"{specs[end.sandbox].attach} has a link {end.ifname} that is not ours"
            yield WrongAttachment(message, "set `interface_name` to another", end.where)
