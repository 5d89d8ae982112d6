"""A service or a container as written becomes a ContainerSpec."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ...errors import Where
from ...mistakes import NoFile
from ..compose import dotenv
from ..compose.files import Inputs, lacking_env_file
from ..compose.merge import NOTHING
from ..model.fields import HOST, address, ifname, message_and_hint
from ..model.keys import from_record
from ..model.pydantics_core import PydanticCustomError
from ..options import ENDPOINT_IFNAME, ENDPOINT_SYSCTLS
from ..spec import ContainerSpec, EndpointSpec
from ..workload import RUNTIMES
from ..yaml.node import Mistakes, Node, Place, dotted, locate, where
from . import policies
from .attach import attachment
from .ports import port_specs
from .replicas import deploy_of, replicas

if TYPE_CHECKING:
    from ..model.service import Container, EndpointRecord

HOST_GATEWAY = "host-gateway"
SYSCTL = re.compile(r"net(\.[A-Za-z0-9_:@-][A-Za-z0-9_/:@-]*)+")  # as sysctl(8): a slash stands for a dot
INTERFACE_SYSCTL = re.compile(r"(net\.(?:ipv4|ipv6|mpls)\.(?:conf|neigh)\.IFNAME\.[a-z0-9_]+)=([^,]*)")
SETTING = re.compile(r"[!-~]+( [!-~]+)*")
BLANKS = re.compile(r"[ \t]+")
NETWORKS = ("net.", "net/")  # what sysctls of a network namespace begin with


class WrittenContainer(NamedTuple):
    """A container's key, node and record, and where to tell mistakes."""

    section: str
    key: str
    node: Node
    spot: Place
    record: "Container"
    inputs: Inputs
    runtime: str  # of containers that say nothing
    scale: int | None  # what was asked for beside the files
    unused: set[str]  # paths of its keys that nothing uses

    @property
    def path(self) -> str:
        return f"{self.section}.{self.key}"

    @property
    def mistakes(self) -> Mistakes:
        return self.inputs.mistakes

    def spot_of(self, section: str, key: str) -> Place:
        """Where an entry of a mapping begins."""
        node = self.node.get(section)
        return node.keys.get(key, node.place) if node else self.spot

    def at(self, *steps: str | int) -> Where:
        """Where a value of it stands."""
        return where(locate(self.node, steps), dotted((self.section, self.key, *steps)))

    def wrong(self, steps: tuple[str | int, ...], message: str, hint: str = "") -> None:
        path = dotted((self.section, self.key, *steps))
        self.mistakes.at(locate(self.node, steps) if steps else self.spot, path, message, hint)


def spec_of(written: WrittenContainer, variables: Mapping[str, str]) -> ContainerSpec:
    record, deploy, path = written.record, deploy_of(written.record), (written.section, written.key)
    spec = from_record(
        ContainerSpec,
        record,
        name=written.key,
        is_service=written.section == "services",
        where=where(written.spot, written.path),
        runtime=runtime(written),
        **replicas(written),
    )
    spec = replace(
        spec,
        networks=endpoints(written, spec),
        ports=tuple(
            port_specs(record.ports, places(written), f"{written.path}.ports", of_service=spec.is_service)
        ),
        extra_hosts=tuple(extra_hosts(written)),
        sysctls=dict(sysctls(written, spec)),
        endpoint_mode=deploy.endpoint_mode if deploy else "vip",
        affinity=getattr(record, "affinity", None) or "",
        weights={key: n for key, n in getattr(record, "weights", {}).items() if key.isdecimal()},
        environment=environment(written, spec, variables),
        egress=policies.peers(written.node, path, "egress", written.mistakes),
        ingress=policies.peers(written.node, path, "ingress", written.mistakes),
    )
    return replace(spec, attach=to) if (to := attachment(written, spec)) else spec


def runtime(written: WrittenContainer) -> str:
    """Compose's `runtime` names a container runtime, such as runc: that is no matter of ours.  A container
    without an image is a sandbox alone where only its project, or nobody, speaks of podman."""
    text = written.record.runtime
    chosen = text if text in RUNTIMES else "none" if written.record.attach else written.runtime
    if chosen != "podman" or has_image(written):
        return chosen
    if text == "podman":
        written.wrong(("runtime",), "podman needs an `image` or a `build`", "add one of them")
    return "none"


def has_image(written: WrittenContainer) -> bool:
    return bool(getattr(written.record, "image", "") or (written.node.get("build") or NOTHING).value)


def endpoints(written: WrittenContainer, spec: ContainerSpec) -> tuple[EndpointSpec, ...]:
    """Compose's order: by priority, then by name.  A container's own MAC address goes to the first."""
    ends = [endpoint(written, name, end) for name, end in written.record.networks.items()]
    ends.sort(key=lambda end: (-end.priority, end.network))
    if ends and spec.mac_address and not ends[0].mac_address:
        ends[0] = replace(ends[0], mac_address=spec.mac_address)
    return tuple(ends)


def endpoint(written: WrittenContainer, network: str, end: "EndpointRecord") -> EndpointSpec:
    spec = from_record(
        EndpointSpec,
        end,
        network=network,
        routes=tuple((route.to, route.via) for route in end.routes),
        vlan=end.vlan or 0,
        bandwidth=(end.bandwidth.ingress, end.bandwidth.egress) if end.bandwidth else ("", ""),
        bursts=(end.bandwidth.ingress_burst, end.bandwidth.egress_burst) if end.bandwidth else ("", ""),
        where=where(written.spot_of("networks", network), f"{written.path}.networks.{network}"),
    )
    refuse_twice(written, spec)
    spec = replace(spec, places=found) if (found := dict(places_of(written, spec))) else spec
    if not spec.driver_opts:
        return spec
    sysctls, chosen = endpoint_options(written, spec)
    known = ENDPOINT_SYSCTLS, ENDPOINT_IFNAME
    rest = {name: value for name, value in spec.driver_opts.items() if name not in known}
    name = spec.interface_name or chosen
    return replace(spec, driver_opts=sysctls, options=rest, interface_name=name)


def places_of(written: WrittenContainer, end: EndpointSpec) -> Iterator[tuple[str, Where]]:
    """Where its fixed addresses and its routes stand."""
    said: list[tuple[str | int, ...]] = [
        (key,) for key in ("ipv4_address", "ipv6_address") if getattr(end, key)
    ]
    said += [("link_local_ips", index) for index, _ in enumerate(end.link_local_ips)]
    said += [("routes", index) for index, _ in enumerate(end.routes)]
    for steps in said:
        yield dotted(steps), written.at("networks", end.network, *steps)


def refuse_twice(written: WrittenContainer, end: EndpointSpec) -> None:
    """A VLAN is there once: tagged or not."""
    seen = {end.vlan or 1}
    for index, tag in enumerate(end.trunk):
        if tag in seen:
            hint = "a VLAN is in `trunk` once, and not if it is `vlan`, which is 1 where nothing is said"
            written.wrong(("networks", end.network, "trunk", index), f"VLAN {tag} is there twice", hint)
        seen.add(tag)


def endpoint_options(written: WrittenContainer, end: EndpointSpec) -> tuple[dict[str, str], str]:
    """The sysctls, as paths below /proc/sys with IFNAME for the interface, and the interface's name."""
    sysctls: dict[str, str] = {}
    chosen = ""
    for name, value in end.driver_opts.items():
        at = ("networks", end.network, "driver_opts", name)
        if name == ENDPOINT_SYSCTLS:
            sysctls |= dict(interface_sysctls(written, at, value))
        elif name == ENDPOINT_IFNAME:
            chosen = interface_name(written, at, value)
    return sysctls, chosen


def interface_name(written: WrittenContainer, at: tuple[str, ...], text: str) -> str:
    try:
        return ifname(text)
    except PydanticCustomError as error:
        written.wrong(at, *message_and_hint(error))
        return ""


def interface_sysctls(written: WrittenContainer, at: tuple[str, ...], text: str) -> Iterator[tuple[str, str]]:
    for setting in filter(None, map(str.strip, text.split(","))):
        match = INTERFACE_SYSCTL.fullmatch(setting)
        if match and (value := in_words(match[2])):
            yield match[1].replace(".", "/"), value
        else:
            written.wrong(
                at, f"{setting!r} is no sysctl of an interface", "as net.ipv4.conf.IFNAME.forwarding=1"
            )


def places(written: WrittenContainer) -> list[Place]:
    """Where each entry of `ports` stands."""
    return [node.place for node in (written.node.get("ports") or NOTHING).elements()]


def extra_hosts(written: WrittenContainer) -> Iterator[tuple[str, str]]:
    for name, addresses in written.record.extra_hosts.items():
        at = ("extra_hosts", name)
        if not HOST.fullmatch(name):
            written.wrong(at, f"{name[:60]!r} is no host name", "write NAME=ADDRESS")
        for text in addresses or [""]:
            if text == HOST_GATEWAY or is_address(text):
                yield name, text
            else:
                written.wrong(
                    at, f"{text[:60]!r} is no address for {name}", f"an IP address or {HOST_GATEWAY}"
                )


def is_address(text: str) -> bool:
    try:
        return bool(address(text))
    except PydanticCustomError:
        return False


def sysctls(written: WrittenContainer, spec: ContainerSpec) -> Iterator[tuple[str, str]]:
    """Those of the network namespace; the others are of namespaces that a sandbox does not have."""
    for name, value in spec.sysctls.items():
        at = ("sysctls", name)
        if not name.startswith(NETWORKS):
            if spec.runtime == "none":
                written.inputs.notes.append(f"{written.section}.*.sysctls.{name}: accepted, not used")
        elif not SYSCTL.fullmatch(name):
            written.wrong(at, f"{name[:60]!r} is no sysctl", "as net.core.somaxconn")
        elif words := in_words(value):
            yield name, words
        else:
            written.wrong(at, f"{value[:60]!r} is no value of {name}", "printable characters, on one line")


def in_words(value: str) -> str:
    """A sysctl's value as the kernel gives it back, one space between words; empty where it is none."""
    normal = BLANKS.sub(" ", value.strip(" \t"))
    return normal if SETTING.fullmatch(normal) else ""


def environment(
    written: WrittenContainer, spec: ContainerSpec, variables: Mapping[str, str]
) -> dict[str, str]:
    """`env_file` and, over it, `environment`; a name without a value takes the shell's."""
    values: dict[str, str] = {}
    for index, entry in enumerate(written.record.env_file):
        file = entry.path
        if not file:
            continue
        folder = os.path.isdir(file)
        if (entry.required or folder) and (message := lacking_env_file(file)):
            hint = "name a file in it" if folder else "create it, or set `required: false`"
            written.mistakes.extend([NoFile(message, hint, written.at("env_file", index))])
        text = written.inputs.optional(file)
        try:
            if entry.format == "raw":
                values |= dotenv.verbatim(text or "", variables)
            else:
                values |= dotenv.parse(text or "", {**variables, **values})
        except dotenv.BadLine as error:
            written.mistakes.at(Place(file, error.line, 0), "", str(error), "write NAME=value")
    return values | dict(own_environment(written, spec, variables))


def own_environment(
    written: WrittenContainer, spec: ContainerSpec, variables: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    node = written.node.get("environment")
    for name, value in spec.environment.items():
        if name != name.rstrip() and spec.runtime != "none":
            hint = "write NAME=VALUE, without blanks around the `=`"
            written.wrong(("environment", name), f"variable {name.rstrip()} ends in a blank", hint)
        absent = node is not None and (child := node.get(name)) is not None and child.value is None
        if not absent:
            yield name, value
        elif name in variables:
            yield name, variables[name]
