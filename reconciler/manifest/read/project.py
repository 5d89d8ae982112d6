"""A project's merged tree becomes a ProjectSpec: section by section, so that one mistake hides no other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from ...errors import Where
from .. import scale
from ..compose.files import Inputs
from ..compose.merge import NOTHING
from ..model.fields import ACCEPTED, name_mistake
from ..model.forms import CONTAINER, HOST, NETWORK, POOL, REACHABILITY, SERVICE, TOP, Form
from ..model.keys import from_record
from ..model.validate import likely, record_of
from ..spec import OFF, ContainerSpec, EvpnSpec, HostSpec, NetworkSpec, PoolSpec, ProjectSpec
from ..yaml.node import Mistakes, Node, Place, dotted, locate, nearest, where
from . import containers, expect, networks, placement, policies, running
from .ingress import with_ingress

if TYPE_CHECKING:
    from ..model.service import Container

SECTIONS: Mapping[str, "Form[Container]"] = {"services": SERVICE, "containers": CONTAINER}
LONGEST4 = 31  # RFC 3021
R = TypeVar("R")


@dataclass
class ProjectReading:
    """What one project's tree is read with."""

    tree: Node
    inputs: Inputs
    variables: Mapping[str, str]
    unused: set[str] = field(default_factory=set)
    idle: dict[str, str] = field(default_factory=dict)  # services without a container, and why
    asked: dict[str, str | None] = field(default_factory=dict)  # variables that decided something
    needs: list[tuple[str, Where]] = field(default_factory=list)  # services that others depend on

    @property
    def mistakes(self) -> Mistakes:
        return self.inputs.mistakes

    def names(self, section: str) -> set[str]:
        """Of all its entries, also those with mistakes."""
        return {key for key, _ in (self.tree.get(section) or NOTHING).items()}

    def at(self, section: str, key: str, *steps: str | int) -> Where:
        """Where a value of an entry stands."""
        path = (section, key, *steps)
        return where(locate(self.tree, path), dotted(path))

    def where(self, spec: ContainerSpec, *steps: str | int) -> Where:
        return self.at("services" if spec.is_service else "containers", spec.name, *steps)

    def entries(
        self, section: str, model: Form[R], unused: set[str] | None = None
    ) -> Iterator[tuple[str, Node, Place, R]]:
        """The named entries of a section that are in order; keys that nothing uses are put into `unused`."""
        unused = self.unused if unused is None else unused
        holder = self.tree.get(section) or NOTHING
        if holder.value is not None and type(holder.value) is not dict:
            self.inputs.partial = True
            self.mistakes.at(
                holder.place,
                section,
                f"`{section}` must be a mapping of names",
                f"write `{section}: {{NAME: ...}}`",
            )
        fallen = fallen_out(holder, model)
        if fallen:
            hint = f"indent it below an entry of `{section}`"
            self.mistakes.at(holder.keys[fallen[0]], section, f"`{fallen[0]}` is no name here", hint)
        for key, node in holder.items():
            if key in fallen:
                continue
            spot = holder.keys.get(key, node.place)
            message, hint = name_mistake(key)
            if message:
                self.mistakes.at(spot, section, message, hint)
            elif record := record_of(node, model, (section, key), self.mistakes, unused):
                yield key, node, spot, record


def fallen_out(holder: Node, model: Form[R]) -> list[str]:
    """Keys of an entry that stand where the entries do: they are not indented as far as they should be."""
    known = {*model.outline.keys, *model.outline.unused}
    return [
        key for key, node in holder.items() if key in known and type(node.value) not in (dict, type(None))
    ]


def spec_of(name: str, reading: ProjectReading) -> ProjectSpec:
    """The project, with everything in it that could be read."""
    top_level(reading)
    named = has_names(reading)
    made = tuple(one if named else replace(one, dns=(OFF,)) for one in network_specs(reading))
    place = next(iter(reading.tree.keys.values()), reading.tree.place)
    spec = ProjectSpec(
        name=name,
        networks=made,
        containers=tuple(on_predefined(spec, made) for spec in container_specs(name, reading)),
        hosts=tuple(host_specs(reading)),
        evpn=evpn_spec(reading),
        pools=tuple(pool_specs(reading)),
        policies=tuple(policies.policy_specs(reading)),
        expect=tuple(expect.expect_specs(reading)),
        router=is_set(reading, "router"),
        names=named,
        host_names=is_set(reading, "host_names"),
        metadata=metadata(reading),
        accept_removals=accepted(reading),
        where=where(place),
    )
    return with_ingress(spec, reading)


def top_level(reading: ProjectReading) -> None:
    """Unknown keys of the top level, and those that this version would have to ignore."""
    known = {*TOP.outline.keys.values(), *TOP.outline.unused}
    for key, node in reading.tree.items():
        spot = reading.tree.keys.get(key, node.place)
        if key in TOP.outline.unused:
            reading.unused.add(key)
        elif key not in known and not key.startswith("x-"):
            of_service = node.get("image") or node.get("build")
            hint = "services stand under `services:`" if of_service else likely(key, TOP)
            reading.mistakes.at(spot, key, f"unknown key `{key}`", hint)
            reading.inputs.partial |= type(node.value) is dict


def network_specs(reading: ProjectReading) -> Iterator[NetworkSpec]:
    for key, node, spot, record in reading.entries("networks", NETWORK):
        yield networks.spec_of(networks.WrittenNetwork(key, node, spot, record, reading.inputs))


def container_specs(name: str, reading: ProjectReading) -> Iterator[ContainerSpec]:
    """Those that are there, with what runs in them."""
    default, done = running.default(reading), []
    for written in written_containers(name, reading, default):
        reading.needs += dependencies(written, reading)
        spec = containers.spec_of(written, reading.variables)
        spec = placement.with_placement(spec, written, on_hosts=bool(reading.names("hosts")))
        done.append((spec, written))
    return running.with_workloads(name, reading, done)


def written_containers(
    project: str, reading: ProjectReading, default: str
) -> Iterator[containers.WrittenContainer]:
    """Those of active profiles, of which nothing else takes care."""
    scales = scale.asked(reading.inputs.environ)
    if scales:
        reading.asked[scale.VARIABLE] = reading.inputs.environ[scale.VARIABLE]
    active = {word.strip() for word in reading.variables.get("COMPOSE_PROFILES", "").split(",")}
    for section, model in SECTIONS.items():
        unused: set[str] = set()
        for key, node, spot, record in reading.entries(section, model, unused):
            if record.provider is not None:
                reading.idle[key] = "is provided by something else"
            elif record.profiles and "*" not in active and not active & set(record.profiles):
                reading.idle[key] = f"is in the profile {record.profiles[0]}, which is not active"
            else:
                mine = {*unused}
                number = scale.number(scales, project, key) if section == "services" else None
                yield containers.WrittenContainer(
                    section, key, node, spot, record, reading.inputs, default, number, mine
                )
                unused.clear()
        reading.unused |= unused


def on_predefined(spec: ContainerSpec, networks: Sequence[NetworkSpec]) -> ContainerSpec:
    """A container whose one network is Docker's `host` or `none` has that mode."""
    if len(spec.networks) != 1:
        return spec
    driver = next((n.driver for n in networks if n.name == spec.networks[0].network), "")
    return replace(spec, networks=(), network_mode=driver) if driver in ("host", "none") else spec


def dependencies(
    written: containers.WrittenContainer, reading: ProjectReading
) -> Iterator[tuple[str, Where]]:
    """Those that must be there, and those that nobody knows: an optional one may lack its profile alone."""
    for name, dependency in written.record.depends_on.items():
        known = any((reading.tree.get(section) or NOTHING).get(name) for section in SECTIONS)
        if dependency.required or not known:
            yield name, reading.at(written.section, written.key, "depends_on", name)


def is_set(reading: ProjectReading, key: str) -> bool:
    """What a key of the top level says that is true or false."""
    node = reading.tree.get(key) or NOTHING
    said = str(node.value).lower()
    if node.value is not None and said not in ("true", "false"):
        hint = f"write `{key}: true` or `{key}: false`"
        reading.mistakes.at(node.place, key, f"`{key}` cannot be {node.value!r}", hint)
    return said == "true"


def has_names(reading: ProjectReading) -> bool:
    node = reading.tree.get("dns") or NOTHING
    if node.value not in (None, "on", "off"):
        hint = "write `dns: off`; name servers stand in a network or a service"
        reading.mistakes.at(node.place, "dns", f"`dns` cannot be {node.value!r}", hint)
    return bool(node.value != "off")


def metadata(reading: ProjectReading) -> str:
    node = reading.tree.get("metadata") or NOTHING
    if node.value not in (None, "", "allow", "deny"):
        hint = "write `metadata: deny`, or `metadata: allow`"
        reading.mistakes.at(node.place, "metadata", f"`metadata` cannot be {node.value!r}", hint)
    return str(node.value or "")


def accepted(reading: ProjectReading) -> str:
    node = reading.tree.get("accept-removals") or NOTHING
    if node.value is not None and not ACCEPTED.fullmatch(str(node.value)):
        message, hint = f"{node.value!r} is no digest of removals", "it is told where they are held"
        reading.mistakes.at(node.place, "accept-removals", message, hint)
    return str(node.value or "")


def host_specs(reading: ProjectReading) -> Iterator[HostSpec]:
    for key, _, spot, record in reading.entries("hosts", HOST):
        at, key_at = where(spot, f"hosts.{key}"), reading.at("hosts", key, "public_key")
        yield from_record(HostSpec, record, name=key, where=at, key_where=key_at)


def evpn_spec(reading: ProjectReading) -> EvpnSpec | None:
    node = reading.tree.get("reachability") or NOTHING
    if node.value in (None, "", "static"):
        return None
    at = where(node.place, "reachability")
    if node.value == "evpn":
        return EvpnSpec(where=at)
    if isinstance(node.value, str):
        hint = nearest(node.value, ("static", "evpn"))
        reading.mistakes.at(node.place, "reachability", f"unknown reachability `{node.value}`", hint)
        return None
    record = record_of(node, REACHABILITY, ("reachability",), reading.mistakes, reading.unused)
    return from_record(EvpnSpec, record.evpn, where=at) if record and record.evpn else None


def pool_specs(reading: ProjectReading) -> Iterator[PoolSpec]:
    holder = reading.tree.get("pools") or NOTHING
    if holder.value is not None and type(holder.value) is not list:
        reading.mistakes.at(
            holder.place, "pools", "`pools` must be a list", "write `pools: [{base: 10.0.0.0/8, size: 24}]`"
        )
    for index, node in enumerate(holder.elements()):
        steps = ("pools", index)
        record = record_of(node, POOL, steps, reading.mistakes, reading.unused)
        pool = record and from_record(PoolSpec, record, where=where(node.place, dotted(steps)))
        if pool and pool.size < int(pool.base.rpartition("/")[2]):
            reading.mistakes.at(
                node.place, dotted(steps), f"/{pool.size} is larger than {pool.base}", "take a longer `size`"
            )
        elif pool and ":" not in pool.base and pool.size > LONGEST4:
            message = f"a /{pool.size} has no room for a gateway and a container"
            reading.mistakes.at(node.place, dotted(steps), message, f"at most {LONGEST4}")
        elif pool:
            yield pool
