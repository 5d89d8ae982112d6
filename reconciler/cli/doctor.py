"""What on this host will bite, each with the command that mends it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from os.path import exists

from ..core.bykind import by_kind
from ..core.render import number
from ..core.resource import State
from ..doctor import Diagnosis, diagnoses
from ..doctor.finding import Examination
from ..errors import ReconcileError
from ..inventory.facts import Facts
from ..kernel.observe.vitals import vitals
from ..kinds.namespace import Namespace
from ..kinds.overlay import Vxlan
from ..kinds.stacked_link import Ipvlan, Macvlan
from ..kinds.wireguard import Wireguard
from ..kinds.workload import Workload
from ..manifest.spec import ProjectSpec
from ..paths import DEFAULT_PATH
from .options import Options
from .session import machine, read, tell

STANDING = {Vxlan: "vxlan", Wireguard: "wireguard", Macvlan: "macvlan", Ipvlan: "ipvlan"}
DRIVERS = {"overlay": "vxlan", "macvlan": "macvlan", "ipvlan": "ipvlan"}


def doctor(options: Options) -> int:
    host = machine(options)
    live, facts = host.observe(), Facts.of(host.facts())
    containers = sorted(r.name for r in by_kind(live).of(Namespace))
    needs = frozenset((*standing(live), *wanted(options)))
    found = diagnoses(Examination(facts, vitals(facts.links, containers), live, needs))
    if options.output == "json":
        tell(options, json.dumps(as_json(found, facts.name), indent=1))
    else:
        tell(options, "".join(f"{row}\n" for row in rows(found, options)), end="")
    return 2 if any(one.findings for one in found) else 0


def standing(live: State) -> Iterator[str]:
    """The features that are in use."""
    known = by_kind(live)
    yield from (feature for kind, feature in STANDING.items() if any(known.of(kind)))
    yield from (one.engine for one in known.of(Workload))


def wanted(options: Options) -> Iterator[str]:
    """The features that manifests name; none where they cannot be read, which other modes tell."""
    if options.paths or exists(DEFAULT_PATH):
        with suppress(*(() if options.paths else (ReconcileError,))):
            for project in read(options).projects:
                yield from features(project)


def features(project: ProjectSpec) -> Iterator[str]:
    yield from (DRIVERS[one.driver] for one in project.networks if one.driver in DRIVERS)
    yield from ("wireguard" for one in project.networks if "encrypted" in one.options)
    yield from (one.runtime for one in project.containers if one.runtime != "none")
    if project.evpn:
        yield "evpn"
    if project.host_names:
        yield "host names"


def rows(found: Iterable[Diagnosis], options: Options) -> Iterator[str]:
    """By group: each finding in three lines, and what is well in one word."""
    every = list(found)
    for group, those in groupby(every, key=lambda one: one.check.group):
        yield f"{group}:"
        for one in those:
            yield from said(one, options)
    yield summary(every)


def said(one: Diagnosis, options: Options) -> Iterator[str]:
    for finding in one.findings:
        yield f"  ! {finding.what}"
        yield f"      {finding.why}"
        yield from (f"      $ {line}" for line in finding.mend.splitlines())
    if one.untold:
        yield f"  ? {one.check.title}: {one.untold}"
    elif not one.findings and not options.quiet:
        yield f"  ok {one.check.title}"


def summary(every: Sequence[Diagnosis]) -> str:
    findings, untold = sum(len(one.findings) for one in every), sum(bool(one.untold) for one in every)
    parts = [number(findings, "finding") if findings else "nothing will bite"]
    parts += [f"{number(untold, 'check')} could not look"] if untold else []
    return "; ".join(parts)


def as_json(found: Sequence[Diagnosis], host: str) -> dict[str, object]:
    return {
        "schema_version": 1,
        "host": host,
        "checks": [
            {"check": one.check.id, "group": one.check.group, "state": one.state, "untold": one.untold}
            for one in found
        ],
        "findings": [
            {"check": one.check.id, "group": one.check.group, **finding._asdict()}
            for one in found
            for finding in one.findings
        ],
    }
