"""`egress:`, `ingress:` and `policies:`: who may reach whom, entry by entry as PEER[:PORTS][/PROTOCOL].

The words are those of Kubernetes' NetworkPolicy: what is allowed adds up, in no order; who is named by any
egress or ingress is refused the rest.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

from ...errors import ManifestError, Where
from ...mistakes import Contradiction, NoSuchName, WrongValue
from ..model.fields import canonical_prefix, message_and_hint, prefix_or_address, wrong
from ..model.forms import POLICY
from ..model.port_syntax import bounds
from ..model.pydantics_core import PydanticCustomError
from ..policy import PeerSpec, PolicySpec
from ..spec import ProjectSpec
from ..yaml.node import Mistakes, Node, dotted, nearest, where
from . import outside_names

if TYPE_CHECKING:
    from .project import ProjectReading

PROTOCOLS = ("tcp", "udp", "sctp", "icmp")
WITHOUT_PORTS = ("icmp",)
EXAMPLE = "as web:8080, api.example.com, network/back, label:tier=db:5432/tcp, outside:443, 10.2.0.0/16"
PORTS = re.compile(r"[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*")
LABEL = re.compile(r"label:([^:=]+)=([^:]*)")
ANYBODY = ("host", "outside")
DIRECTIONS = ("egress", "ingress")


def peer(text: str, at: Where) -> PeerSpec:
    """One entry; raises PydanticCustomError."""
    rest, protocol = without_protocol(text)
    who, ports = without_ports(rest)
    if ports and protocol in WITHOUT_PORTS:
        raise wrong(f"{protocol} has no ports", f"write {who}/{protocol}")
    kind, name = kind_of(who)
    found = tuple(bounds(one, "port") for one in ports.split(",")) if ports else ()
    return PeerSpec(kind=kind, name=name, ports=found, protocol=protocol or "tcp" * bool(ports), where=at)


def without_protocol(text: str) -> tuple[str, str]:
    head, slash, tail = text.rpartition("/")
    if not slash or not tail.isalpha() or head == "network":
        return text, ""
    if tail.lower() not in PROTOCOLS:
        raise wrong(f"{tail[:40]!r} is no protocol", f"there are: {', '.join(PROTOCOLS)}")
    return head, tail.lower()


def without_ports(text: str) -> tuple[str, str]:
    """An IPv6 prefix has its ports behind brackets, as in a URL."""
    if text.startswith("["):
        who, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not PORTS.fullmatch(rest.removeprefix(":"))):
            raise wrong(f"{text[:60]!r} is no peer", "as [2001:db8::/32]:443")
        return who, rest.removeprefix(":")
    head, colon, tail = text.rpartition(":")
    if colon and (":" not in head or head.startswith("label:")) and head != "label":
        if not PORTS.fullmatch(tail):
            raise wrong(f"{tail[:40]!r} is no port", EXAMPLE)
        return head, tail
    return text, ""


def kind_of(who: str) -> tuple[str, str]:
    """What the peer is, and its name there."""
    if who in ANYBODY:
        return who, ""
    if prefix := canonical_prefix(who):
        return "prefix", prefix
    if label := LABEL.fullmatch(who):
        return "label", f"{label[1]}={label[2]}"
    if who.startswith("label:"):
        raise wrong(f"{who[:60]!r} is no label", "as label:tier=db")
    kind, slash, name = who.partition("/")
    if slash and kind == "network" and name:
        return "network", name
    if is_address(who):
        return "prefix", prefix_or_address(who)
    if slash or not who or " " in who:
        raise wrong(f"{who[:60]!r} is no peer", EXAMPLE)
    return ("name", outside_names.checked(who)) if "." in who or "*" in who else ("container", who)


def is_address(who: str) -> bool:
    try:
        ip_network(who, strict=False)
    except ValueError:
        return ":" in who
    return True


def peers(node: Node, steps: tuple[str, ...], key: str, mistakes: Mistakes) -> tuple[PeerSpec, ...] | None:
    """What `key` of an entry lists; None where it is not there.  With nothing behind it, it says neither."""
    listed, path = node.get(key), (*steps, key)
    if listed is None:
        return None
    if listed.value is None:
        hint = f"write `{key}: []` for nobody at all, or leave it out"
        mistakes.at(node.keys.get(key, node.place), dotted(path), f"`{key}` says nothing", hint)
    return tuple(entries(listed, path, mistakes))


def entries(listed: Node, path: tuple[str, ...], mistakes: Mistakes) -> Iterator[PeerSpec]:
    head = dotted(path)
    for index, one in enumerate(listed.elements()):
        at = f"{head}[{index}]"
        try:
            yield peer(str(one.value), where(one.place, at))
        except PydanticCustomError as error:
            mistakes.at(one.place, at, *message_and_hint(error))


def policy_specs(reading: "ProjectReading") -> Iterator[PolicySpec]:
    for key, node, spot, record in reading.entries("policies", POLICY):
        steps, found = ("policies", key), reading.mistakes
        selected, egress, ingress = (peers(node, steps, name, found) for name in ("for", *DIRECTIONS))
        at = where(spot, dotted(steps))
        if selected is None:
            hint = "write `for: [web]`, or `for: [label:tier=db]`"
            found.at(spot, at.path, "the policy is for nobody", hint)
        elif egress is None and ingress is None:
            found.at(spot, at.path, "the policy says nothing", "write `egress:`, `ingress:`, or both")
        spec = PolicySpec(name=key, selected=selected or (), egress=egress, ingress=ingress, where=at)
        yield replace(spec, log=record.log)


def written(project: ProjectSpec) -> Iterator[PeerSpec]:
    """Every peer that is named, whoever does."""
    for container in project.containers:
        yield from (*(container.egress or ()), *(container.ingress or ()))
    for policy in project.policies:
        yield from (*policy.selected, *(policy.egress or ()), *(policy.ingress or ()))


def coming(project: ProjectSpec) -> Iterator[PeerSpec]:
    for some in (*(one.ingress for one in project.containers), *(one.ingress for one in project.policies)):
        yield from some or ()


def mistaken_peers(
    project: ProjectSpec, names: Collection[str], networks: Collection[str]
) -> Iterator[ManifestError]:
    labels = {f"{key}={value}" for spec in project.containers for key, value in spec.labels.items()}
    known = {"container": {*names, *ANYBODY}, "network": {*networks}, "label": labels}
    selected = [one for policy in project.policies for one in policy.selected]
    for one in written(project):
        if one.kind == "name" and one.name not in names and one.name.rpartition(".")[2].isdecimal():
            hint = "as 10.2.0.0/16, or api.example.com"
            yield WrongValue(f"`{one.name}` is neither an address nor a name", hint, one.where)
        elif one.kind in ANYBODY and one.kind in names:
            meant = "this machine" if one.kind == "host" else "all that is no container"
            yield Contradiction(
                f"`{one.kind}` is a container here, and {meant}", "call that one otherwise", one.where
            )
        elif one.kind in known and one.name not in known[one.kind]:
            what = "peer" if one.kind == "container" else one.kind
            nobody = ANYBODY if any(one is other for other in selected) else ()  # a policy is for
            hint = nearest(one.name, known[one.kind].difference(nobody))
            yield NoSuchName(f"unknown {what} `{one.name}`", hint, one.where)
    for one in (one for one in coming(project) if one.kind == "name" and one.name not in names):
        hint = "write its addresses, or `outside`; a name may stand in `egress`"
        yield WrongValue(f"of who comes the address tells, and not that it is `{one.name}`", hint, one.where)
    for one in selected:
        if one.kind in (*ANYBODY, "prefix") or (one.kind == "name" and one.name not in names):
            hint = "name a service, a container, label:K=V or network/NAME"
            yield WrongValue("a policy is for containers of its project", hint, one.where)
        elif one.ports or one.protocol:
            yield WrongValue("who a policy is for has no ports", "they stand in its entries", one.where)
