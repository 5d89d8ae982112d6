"""What an engine has, as one draft: which containers, which of its networks, and what makes room for them."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from . import containers, process
from .containers import Around, called, container, networks_of
from .draft import CONTAINERS, NETWORKS, VOLUMES, Draft, Entry, compact, named_apart
from .inspected import Inspected, Object, mapping, word
from .names import key_of
from .process import COMPOSE_LABELS

PROJECT = f"{COMPOSE_LABELS}project"
MOST_NAMED = 50  # in commands that a person is to read
ROOM = 100  # characters of one of them
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
    used = {name for one in chosen for name in networks_of(one, [])} - {"host", "none"}
    told = [one for one in found.networks if name_of(one) in used or is_mine(one, engine, some)]
    made = [(name_of(one), entry) for one in told if (entry := engine.network(one))]
    made += [(name, guessed(name, chosen)) for name in sorted(used - {*map(name_of, told)})]
    names = [name for name, _ in made]
    networks = [*named_apart(entry for _, entry in made)]
    keys = {name: one.key for name, one in zip(names, networks, strict=True)}
    around = Around(names_of(found), images_of(found), keys, engine.name)
    entries = [*named_apart(container(one, around) for one in chosen)]
    kept = (f"what is in it: {engine.name} keeps it",)
    volumes = [Entry(key=name, said={"name": name}, lost=kept) for name in containers.volume_names(entries)]
    return Draft(
        project=project or only({of(one) for one in chosen}) or engine.command,
        entries={NETWORKS: tuple(networks), CONTAINERS: tuple(entries), VOLUMES: tuple(volumes)},
        head=tuple(head(engine, chosen, names)),
        lost=tuple(elsewhere(found, len(chosen))),
    )


def is_mine(one: Object, engine: EngineWords, project: str) -> bool:
    """Though nobody is on it; what the engine has always is nobody's."""
    return of(one) == project if project else name_of(one) not in engine.stays


def head(engine: EngineWords, chosen: Sequence[Object], networks: Sequence[str]) -> Iterable[str]:
    yield f"What {engine.name} has, by `reconcile --import {engine.command}`."
    own = [name for name in networks if name not in engine.stays]
    if chosen or own:
        yield f"Before it can be applied on the same host, {engine.name} makes room:"
    yield from commands(f"  {engine.command} rm -f", [called(one) for one in chosen])
    yield from commands(f"  {engine.command} network rm", own)
    for name in sorted(engine.stays.keys() & {*networks}):
        yield f"  {engine.stays[name]}"
    yield f"{ALONE}."
    if any((process.part(one, "Config", []) or {}).get("Env") for one in chosen):
        yield "Values of variables are written out below, passwords among them."


def commands(words: str, names: Sequence[str]) -> Iterator[str]:
    """On lines that are commands each, whatever a network is called."""
    row = ""
    for name in map(shlex.quote, names[:MOST_NAMED]):
        if row and len(row) + len(name) > ROOM:
            yield row
            row = ""
        row = f"{row or words} {name}"
    if row:
        yield row
    if len(names) > MOST_NAMED:
        yield f"  ... and {len(names) - MOST_NAMED} more"


def elsewhere(found: Inspected, chosen: int) -> Iterable[str]:
    if others := len(found.containers) - chosen:
        yield f"{others} containers of other projects, or of none"
    if found.strange:
        yield f"{found.strange} objects that are neither containers nor networks nor images"


def of(one: Object) -> str:
    """The project of Compose's that a container or a network is of."""
    config = one.get("Config")
    inner = config.get("Labels") if isinstance(config, Mapping) else None
    found = (labels.get(PROJECT) for labels in (one.get("Labels"), inner) if isinstance(labels, Mapping))
    return next((name for name in found if isinstance(name, str)), "")


def projects(those: Iterable[Object]) -> set[str]:
    return {of(one) for one in those} - {""}


def only(names: set[str]) -> str:
    return next(iter(names)) if len(names) == 1 else ""


def name_of(one: Object) -> str:
    return str(one.get("Name") or one.get("name") or "network")


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
    ends = [those[name] for those in (networks_of(one, []) for one in chosen) if name in those]
    subnets: dict[str, dict[str, Any]] = {}
    for end in ends:
        for ip, length, gateway in ADDRESSES:
            subnet = prefix(end, ip, length)
            if subnet:
                subnets.setdefault(subnet, compact(subnet=subnet, gateway=str(end.get(gateway) or "")))
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
