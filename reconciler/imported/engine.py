"""What an engine has, as one draft: which containers, which of its networks, and what makes room for them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from . import containers
from .containers import Around, called, container, networks_of
from .draft import CONTAINERS, NETWORKS, VOLUMES, Draft, Entry, compact, named_apart
from .inspected import Inspected, Object, mapping, word
from .names import key_of
from .process import COMPOSE_LABELS

PROJECT = f"{COMPOSE_LABELS}project"
MOST_NAMED = 50  # in a command that a person is to read
ALONE = "`runtime: podman` at the top level, and the images run too; without it only their networks are made"


class EngineWords(NamedTuple):
    """How one is called, and how it tells networks."""

    name: str
    command: str
    network: Callable[[Object], Entry | None]  # None of one that nobody need make
    stays: Mapping[str, str] = {}  # networks that it has always, and how they go


def draft(found: Inspected, engine: EngineWords, project: str) -> Draft:
    """`project` is one of Compose's, or any name for all that there is; "" lets them tell it."""
    some = project if project in projects(found.containers) else ""
    chosen = [one for one in found.containers if not some or of(one) == some]
    used = {name for one in chosen for name in networks_in(one)} - {"host", "none"}
    told = [one for one in found.networks if name_of(one) in used or is_mine(one, engine, some)]
    keys = {name_of(one): key_of(name_of(one)) for one in told}
    around = Around(names_of(found), images_of(found), keys, engine.name)
    entries = [*named_apart(container(one, around) for one in chosen)]
    lacking = used - {name_of(one) for one in told}
    networks = [
        *filter(None, map(engine.network, told)),
        *(guessed(name, chosen) for name in sorted(lacking)),
    ]
    kept = (f"what is in it: {engine.name} keeps it",)
    volumes = [Entry(key=name, said={"name": name}, lost=kept) for name in containers.volume_names(entries)]
    return Draft(
        project=project or only({of(one) for one in chosen}) or engine.command,
        entries={NETWORKS: tuple(named_apart(networks)), CONTAINERS: tuple(entries), VOLUMES: tuple(volumes)},
        head=tuple(head(engine, chosen, told)),
        lost=tuple(elsewhere(found, len(chosen))),
    )


def is_mine(one: Object, engine: EngineWords, project: str) -> bool:
    """Though nobody is on it; what the engine has always is nobody's."""
    return of(one) == project if project else name_of(one) not in engine.stays


def head(engine: EngineWords, chosen: Sequence[Object], told: Sequence[Object]) -> Iterable[str]:
    yield f"What {engine.name} has, by `reconcile --import {engine.command}`."
    names = [called(one) for one in chosen]
    nets = [name_of(one) for one in told if engine.network(one) and name_of(one) not in engine.stays]
    if names or nets:
        yield f"Before it can be applied on the same host, {engine.name} makes room:"
    for what, words in ((names, "rm -f"), (nets, "network rm")):
        if what:
            more = f" ... and {len(what) - MOST_NAMED} more" if len(what) > MOST_NAMED else ""
            yield f"  {engine.command} {words} {' '.join(what[:MOST_NAMED])}{more}"
    for name in sorted(engine.stays.keys() & {*map(name_of, told)}):
        yield f"  {engine.stays[name]}"
    yield f"{ALONE}."


def elsewhere(found: Inspected, chosen: int) -> Iterable[str]:
    if others := len(found.containers) - chosen:
        yield f"{others} containers of other projects, or of none"
    if found.strange:
        yield f"{found.strange} objects that are neither containers nor networks nor images"


def of(one: Object) -> str:
    """The project of Compose's that a container or a network is of."""
    labels = one.get("Labels") or one.get("labels") or (one.get("Config") or {}).get("Labels")
    found = labels.get(PROJECT) if isinstance(labels, Mapping) else ""
    return found if isinstance(found, str) else ""


def projects(those: Iterable[Object]) -> set[str]:
    return {of(one) for one in those} - {""}


def only(names: set[str]) -> str:
    return next(iter(names)) if len(names) == 1 else ""


def name_of(one: Object) -> str:
    return str(one.get("Name") or one.get("name") or "network")


def networks_in(one: Object) -> list[str]:
    return [str(name) for name in (containers.guarded(networks_of, one, []) or ())]


def names_of(found: Inspected) -> dict[str, str]:
    names = {str(one.get("Id", "")): called(one) for one in found.containers}
    return {**names, **{name: name for name in names.values()}}


def images_of(found: Inspected) -> dict[str, Object]:
    known: dict[str, Object] = {}
    for one in found.images:
        config = one.get("Config")
        known[str(one.get("Id", ""))] = config if isinstance(config, Mapping) else {}
    return known


def guessed(name: str, chosen: Iterable[Object]) -> Entry:
    """A network that nobody has told of, by the addresses of who is on it."""
    ends = [containers.guarded(networks_of, one, []).get(name) for one in chosen if name in networks_in(one)]
    subnets: dict[str, dict[str, Any]] = {}
    for end in ends:
        for ip, length, gateway in ADDRESSES:
            subnet = prefix(end, ip, length)
            if subnet:
                subnets.setdefault(subnet, compact(subnet=subnet, gateway=word(end.get(gateway))))
    said = compact(
        name=name,
        ipam={"config": [*subnets.values()]} if subnets else {},
        enable_ipv6=any(":" in one for one in subnets),
    )
    return Entry(
        key=key_of(name),
        said=said,
        lost=("all of it but the addresses that containers have there: `network inspect` tells it",),
    )


ADDRESSES = (
    ("IPAddress", "IPPrefixLen", "Gateway"),
    ("GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPv6Gateway"),
)


def prefix(end: Any, ip: str, length: str) -> str:
    """The subnet of an address; "" where there is none."""
    from ipaddress import ip_interface

    try:
        known = mapping(end)
        return str(ip_interface(f"{word(known[ip])}/{known[length]}").network) if known.get(ip) else ""
    except (LookupError, ValueError):
        return ""
