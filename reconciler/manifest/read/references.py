"""What the words of one project say of one another: references, modes, names, addresses."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from ...errors import ManifestError, Where
from ...mistakes import Contradiction, NoSuchName, WrongValue
from ..model.fields import name_mistake
from ..network_mode import JOINS, MODES, is_borrowed
from ..options import ENDPOINT_IFNAME, ENDPOINT_SYSCTLS, described
from ..spec import ContainerSpec, HostSpec, NetworkSpec, ProjectSpec
from ..yaml.node import dotted, nearest
from .addresses import address_mistakes
from .expect import mistaken_sentences
from .networks import DEFAULT
from .policies import mistaken_peers
from .project import ProjectReading

IMPLICIT = ("default", "bridge")
OWN = {
    "public_key": "run `reconcile --key` on {} for its own",
    "address": "write that of {}",
    "address6": "write that of {}",
}
OF_SANDBOX = ("dns", "dns_search", "dns_opt", "extra_hosts", "links", "mac_address", "sysctls")
OF_IDLE = ("hostname", "domainname")  # which an engine gives whoever it runs


def semantic_mistakes(project: ProjectSpec, reading: ProjectReading) -> Iterator[ManifestError]:
    """Everything that is wrong in a project whose single values are all in order."""
    yield from references(project, reading)
    yield from address_mistakes(project, {*reading.names("networks"), *IMPLICIT} - flawed_networks(reading))


def flawed_networks(reading: ProjectReading) -> set[str]:
    """Those with mistakes of their own: nothing can be said of what is on them."""
    paths = [mistake.where.path for mistake in reading.mistakes if mistake.where]
    heads = {key: dotted(("networks", key)) for key in reading.names("networks")}
    return {key for key, head in heads.items() if any(p == head or p.startswith(f"{head}.") for p in paths)}


def references(project: ProjectSpec, reading: ProjectReading) -> Iterator[ManifestError]:
    networks = {*reading.names("networks"), *IMPLICIT}
    for spec in project.containers:
        yield from unknown_options(project, spec, reading)
        yield from name_mistakes(spec, reading)
        yield from mode_mistakes(spec, reading, networks)
    yield from cycles(project.containers, reading)
    yield from shared_identities(project, reading)
    if not reading.inputs.partial:
        yield from unknown(project, reading, networks)


def unknown(
    project: ProjectSpec, reading: ProjectReading, networks: Collection[str]
) -> Iterator[ManifestError]:
    """What is named and stands nowhere in the files, which are whole."""
    names = {*reading.names("services"), *reading.names("containers")}
    empty = {spec.name for spec in project.containers if not spec.replicas}
    for spec in project.containers:
        yield from unknown_networks(spec, networks)
        yield from join_mistakes(spec, reading, names, empty)
        yield from unknown_links(spec, reading, names)
    yield from unmet_dependencies(reading, names)
    yield from mistaken_peers(project, names, networks)
    yield from mistaken_sentences(project, names, networks)
    yield from unknown_hosts(project, reading)
    for network in project.networks:
        yield from unknown_peers(network, reading, networks)


def unknown_networks(spec: ContainerSpec, networks: Iterable[str]) -> Iterator[ManifestError]:
    for end in spec.networks:
        if end.network not in networks:
            hint = nearest(end.network, networks)
            if end.network in ("host", "none"):
                hint = f"write `network_mode: {end.network}`"
            elif not hint.startswith("did you mean"):
                hint = f"declare it: `networks: {{{end.network}: }}`"
            yield NoSuchName(f"unknown network `{end.network}`", hint, end.where)


def unknown_options(
    project: ProjectSpec, spec: ContainerSpec, reading: ProjectReading
) -> Iterator[ManifestError]:
    """Of endpoints; what a driver wants that is not here, nobody knows."""
    drivers = {one.name: one.driver for one in project.networks}
    for end in spec.networks:
        if end.options and described(reading.inputs.drivers, drivers.get(end.network, DEFAULT)):
            for name in end.options:
                hint = nearest(name, (ENDPOINT_SYSCTLS, ENDPOINT_IFNAME))
                at = reading.where(spec, "networks", end.network, "driver_opts", name)
                yield WrongValue(f"an endpoint has no option `{name}`", hint, at)


def name_mistakes(spec: ContainerSpec, reading: ProjectReading) -> Iterator[ManifestError]:
    """Names of interfaces and of the container itself."""
    taken: dict[str, Where] = {}
    for end in spec.networks:
        if not end.interface_name:
            continue
        at = reading.where(spec, "networks", end.network, "interface_name")
        if end.interface_name in taken:
            label = (taken[end.interface_name], "first used here")
            message = f"interface name `{end.interface_name}` is taken"
            yield Contradiction(message, "choose another", at, label)
        taken[end.interface_name] = at
    if not spec.is_service and spec.name in reading.names("services"):
        yield Contradiction(f"`{spec.name}` is a service too", "rename one of them", spec.where)


def mode_mistakes(
    spec: ContainerSpec, reading: ProjectReading, networks: Iterable[str]
) -> Iterator[ManifestError]:
    mode = spec.network_mode
    if not mode:
        return
    at = reading.where(spec, "network_mode")
    if spec.networks:
        label = (reading.where(spec, "networks"), "and here")
        yield Contradiction("`network_mode` and `networks` exclude each other", "keep one of them", at, label)
    if mode not in MODES and not mode.startswith(JOINS):
        hint = f"write `networks: [{mode}]`" if mode in networks else nearest(mode, (*MODES, *JOINS))
        yield WrongValue(f"unknown network mode `{mode}`", hint, at)
    if spec.ports and mode == "host":  # Compose and Docker go on, too
        words = f"ports of {spec.name} are not published: it has the host's network, where all are open"
        reading.inputs.warnings.append(f"{spec.ports[0].where}: {words}")
    warn_of_idle(spec, reading)
    if spec.ports and mode.startswith(JOINS):
        message = f"ports cannot be published with `network_mode: {mode}`"
        yield Contradiction(message, "publish them where it is made", spec.ports[0].where, (at, "the mode"))


def warn_of_idle(spec: ContainerSpec, reading: ProjectReading) -> None:
    """Of keys that are about a sandbox, in a container that has none of its own."""
    keys = OF_SANDBOX if spec.runtime != "none" else (*OF_SANDBOX, *OF_IDLE)
    said = [key for key in keys if getattr(spec, key)]
    if said and is_borrowed(spec.network_mode):
        words = f"of {spec.name} change nothing: its network is that of `{spec.network_mode}`"
        reading.inputs.warnings.append(f"{reading.where(spec, said[0])}: {', '.join(said)} {words}")


def join_mistakes(
    spec: ContainerSpec, reading: ProjectReading, names: set[str], empty: set[str]
) -> Iterator[ManifestError]:
    """Of a mode that is another container's network; services that are `empty` have none."""
    if not spec.network_mode.startswith(JOINS):
        return
    kind, _, name = spec.network_mode.partition(":")
    at = reading.where(spec, "network_mode")
    message, hint = name_mistake(name)
    if message:
        yield NoSuchName(message, hint, at)
    elif kind == "service" and name not in names:
        yield NoSuchName(f"unknown service `{name}`", nearest(name, names), at)
    elif kind == "service" and name in reading.idle:
        yield NoSuchName(f"`{name}` {reading.idle[name]}", "activate it, or join another", at)
    elif kind == "service" and name in empty:
        message, hint = f"`{name}` has no replica whose network it could have", "give it one, or join another"
        yield NoSuchName(message, hint, at)


def cycles(containers: Iterable[ContainerSpec], reading: ProjectReading) -> Iterator[ManifestError]:
    """Each cycle of `network_mode: service:` once, at its first member."""
    joins = {
        spec.name: spec.network_mode.removeprefix("service:")
        for spec in containers
        if spec.network_mode.startswith("service:")
    }
    specs = {spec.name: spec for spec in containers}
    done: set[str] = set()
    for name in joins:
        trail = followed(name, joins, done)
        done.update(trail)
        if trail and (end := joins.get(trail[-1])) in trail:
            cycle = trail[trail.index(end) :]
            steps = " -> ".join((*cycle, cycle[0]))
            at = reading.where(specs[cycle[0]], "network_mode")
            yield Contradiction(
                f"network modes in a circle: {steps}", "one of them needs networks of its own", at
            )


def followed(name: str, joins: Mapping[str, str], done: set[str]) -> list[str]:
    trail: list[str] = []
    while name in joins and name not in done and name not in trail:
        trail.append(name)
        name = joins[name]
    return trail


def unknown_links(spec: ContainerSpec, reading: ProjectReading, names: set[str]) -> Iterator[ManifestError]:
    for index, link in enumerate(spec.links):
        name = link.partition(":")[0]
        if name not in names:
            at = reading.where(spec, "links", index)
            yield NoSuchName(f"link to unknown service `{name}`", nearest(name, names), at)


def unmet_dependencies(reading: ProjectReading, names: set[str]) -> Iterator[ManifestError]:
    for name, at in reading.needs:
        if name not in names:
            yield NoSuchName(f"depends on unknown service `{name}`", nearest(name, names), at)
        elif name in reading.idle and not reading.idle[name].startswith("is provided"):
            yield NoSuchName(f"depends on `{name}`, which {reading.idle[name]}", "set `required: false`", at)


def unknown_hosts(project: ProjectSpec, reading: ProjectReading) -> Iterator[ManifestError]:
    known = reading.names("hosts")
    for spec in project.containers:
        if spec.host and spec.host not in known:
            hint = nearest(spec.host, known) if known else "declare it under `hosts:`"
            yield NoSuchName(f"unknown host `{spec.host}`", hint, reading.where(spec, "host"))


def shared_identities(project: ProjectSpec, reading: ProjectReading) -> Iterator[ManifestError]:
    """What hosts are told apart by: the key is all that WireGuard knows of them."""
    first: dict[str, tuple[HostSpec, Where]] = {}
    for host in project.hosts:
        for key, hint in OWN.items():
            at = reading.at("hosts", host.name, key)
            value = getattr(host, key)
            other, there = first.setdefault(value, (host, at))
            if value and other is not host:
                label = (there, f"it is that of {other.name}")
                message = f"host {host.name} has the {key.replace('_', ' ')} of another"
                yield Contradiction(message, hint.format(host.name), at, label)


def unknown_peers(
    network: NetworkSpec, reading: ProjectReading, networks: Iterable[str]
) -> Iterator[ManifestError]:
    for index, name in enumerate(network.allow_networks):
        if name not in networks:
            at = reading.at("networks", network.name, "allow_networks", index)
            yield NoSuchName(f"unknown network `{name}`", nearest(name, networks), at)
