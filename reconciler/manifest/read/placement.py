"""Where a service's replicas may stand, in Docker's words: `deploy.mode` and `deploy.placement`."""

import re
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

from ..model.fields import CONSTRAINT
from ..placement import ConstraintSpec, PlacementSpec
from ..spec import ContainerSpec
from ..yaml.node import dotted, followed, locate, where
from .containers import WrittenContainer
from .replicas import deploy_of, is_global

if TYPE_CHECKING:
    from ..model.service import Placement

LABEL = re.compile(r"node\.labels\.(.+)", re.IGNORECASE)
KNOWN = ("node.hostname", "node.ip")
AT = ("deploy", "placement")


def with_placement(spec: ContainerSpec, written: WrittenContainer, *, on_hosts: bool) -> ContainerSpec:
    """The container with its placement, and weights by it, which without `hosts:` concern nothing."""
    deploy, everywhere = deploy_of(written.record), is_global(written.record)
    placement = deploy.placement if deploy else None
    weights = tuple(host_weights(written))
    if not on_hosts:
        unused = {"deploy.placement": placement, "weights by host": weights}
        notes = (f"services.*.{what}: accepted, not used without `hosts:`" for what in unused if unused[what])
        written.inputs.notes += notes
        return spec
    spec = replace(spec, host_weights=weights)
    if not placement and not everywhere:
        return spec
    if everywhere:
        refuse_number(written)
    at = where(locate(written.node, AT), f"{written.path}.deploy.placement")
    made = PlacementSpec(everywhere=everywhere, where=at)
    if placement:
        made = replace(
            made,
            constraints=tuple(constraints(written, placement)),
            spread=tuple(labels(written, placement)),
            most=placement.max_replicas_per_node,
        )
    return replace(spec, placement=made)


def refuse_number(written: WrittenContainer) -> None:
    """A global service has as many replicas as there are hosts, and each has a name of its own."""
    for steps in (("deploy", "replicas"), ("scale",), ("container_name",)):
        if len(nodes := followed(written.node, steps)) > len(steps) and nodes[-1].value is not None:
            written.wrong(steps, f"a global service has no `{steps[-1]}`", "remove it, or the mode")


def constraints(written: WrittenContainer, placement: "Placement") -> Iterator[ConstraintSpec]:
    for index, text in enumerate(placement.constraints):
        if found := constraint(written, text, (*AT, "constraints", index)):
            yield found


def host_weights(written: WrittenContainer) -> Iterator[tuple[ConstraintSpec, int]]:
    for text, weight in getattr(written.record, "weights", {}).items():
        if not text.isdecimal() and (found := constraint(written, text, ("weights", text))):
            yield found, weight


def constraint(written: WrittenContainer, text: str, steps: tuple[str | int, ...]) -> ConstraintSpec | None:
    """What it says of hosts; None where it is refused."""
    if not (found := CONSTRAINT.fullmatch(text)):
        written.wrong(steps, f"{text[:60]!r} is no constraint", "as node.labels.zone == east, or !=")
        return None
    attribute, operator, value = found.groups()
    message, hint = mistake(attribute, value)
    if message:
        written.wrong(steps, message, hint)
        return None
    label = LABEL.fullmatch(attribute)
    return ConstraintSpec(
        attribute=f"node.labels.{label[1]}" if label else attribute.lower(),
        equal=operator == "==",
        value=value,
        where=where(locate(written.node, steps), dotted((written.section, written.key, *steps))),
    )


def mistake(attribute: str, value: str) -> tuple[str, str]:
    """Roles, ids and platforms are a swarm's: of a host nothing is known but what `hosts:` says."""
    if not LABEL.fullmatch(attribute) and attribute.lower() not in KNOWN:
        return f"hosts have no `{attribute}`", f"there are: {', '.join(KNOWN)} and node.labels.NAME"
    if attribute.lower() == "node.ip" and not is_prefix(value):
        return f"{value[:60]!r} is no address", "as 192.0.2.10 or 192.0.2.0/24"
    return "", ""


def is_prefix(text: str) -> bool:
    try:
        return bool(ip_network(text, strict=False))
    except ValueError:
        return False


def labels(written: WrittenContainer, placement: "Placement") -> Iterator[str]:
    for index, preference in enumerate(placement.preferences):
        if found := LABEL.fullmatch(preference.spread.strip()):
            yield found[1]
        else:
            steps = (*AT, "preferences", index, "spread")
            written.wrong(steps, f"cannot spread over {preference.spread[:60]!r}", "over node.labels.NAME")
