"""What stands, whether it is in sync, and what was applied before."""

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from ..change import Change
from ..cnm.topology import Topology
from ..core.resource import State
from ..daemon import answering, drops
from ..daemon.status import in_words, warned, watcher_status
from ..drivers.overlay.hearsay import discrepancies, listed
from ..errors import ReconcileError
from ..hosts.snapshot import save
from ..inventory import ownership
from ..inventory.learn import MEMORIES
from ..inventory.summary import summary
from ..kernel.observe import evpn, peers
from ..kinds.link import Bridge
from ..kinds.namespace import Namespace
from ..kinds.nft import Element
from ..lasting import LastingHost
from ..paths import DEFAULT_PATH
from ..safety.commit_confirm import state_in_words
from ..safety.revision import Revision
from ..safety.revisions import Revisions
from . import containers, scaled
from .options import Options
from .session import comparison, machine, note, refuse_strangers, say, sizes, tell, write_out

LISTED = 5  # of what was refused, the last
ROUTER_GUARD = "router guard: no {} packets between links that are not ours; see `router: true`"


class ProjectRow(NamedTuple):
    """What stands of a project; `root` is the directory that it was last applied from."""

    project: str
    root: str
    networks: int
    sandboxes: int
    ports: int

    @property
    def words(self) -> str:
        root = f", from {self.root}" if self.root else ""
        return f"{self.project}: {sizes(self.networks, self.sandboxes, self.ports)}{root}"


def status(options: Options) -> int:
    host = machine(options)
    watcher, live = watcher_status(), host.observe()
    change, trouble = compared(options, host)
    asked, folders = asked_for(options, live, change, trouble), ownership.roots(live)
    if options.out:
        said = (change.desired.values(), change.manifest) if change else ((),)
        write_out(options.out, [save(machine(options), *said)])
    in_sync = not trouble and (change is None or not (change.todo or change.closed or change.waiting))
    desired, waiting = (change.desired, change.waiting) if change else ({}, {})
    known = sorted(asked & folders.keys())  # of what is yet to come nothing is expected to run
    rows = [project_row(name, folders[name], live) for name in known]
    others = [peer for peer in peers.peers(live) if peer.project in asked]
    wrong = discrepancies(of_projects(change.topology, asked), evpn.announced_routes) if change else []
    names = [one for one in answering.statuses(desired, live) if one.resolver.project in known]
    running = [one for one in containers.statuses(live) if one.workload.project in asked]
    refused = drops.written()[1][-LISTED:] if watcher else []
    beside = Revisions(options.state_dir).scaled(known)
    if options.output == "json":
        told = {"schema_version": 1, "in_sync": in_sync, "projects": [row._asdict() for row in rows]}
        told |= {
            "waiting": {name: str(why) for name, why in waiting.items()},
            "router_guard": guards(live),
            "watcher": watcher,
            "peers": [peer._asdict() for peer in others],
            "resolvers": [one.row for one in names],
            "containers": [one.row for one in running],
            "differences": wrong,
            "scaled": beside,
            "drops": refused,
        }
        tell(options, json.dumps(told, indent=1))
        return exit_code(trouble, in_sync=in_sync)
    for row in rows:
        say(options, row.words)
    if beside:
        say(options, f"beside the files: {scaled.in_words(beside)}")
    for line in (*containers.in_words(running), *peers.in_words(others), *answering.in_words(names)):
        say(options, line)
    if guarded := guards(live):
        say(options, ROUTER_GUARD.format(guarded))
    warn(options, *((waiting, listed(wrong)) if change else warned(watcher)))
    say(options, state_in_words())
    say(options, in_words(watcher))
    say(options, "\n".join(f"  {drops.in_words(row)}" for row in refused))
    if change:
        say(options, "in sync" if in_sync else f"not in sync: {summary(change)}")
    elif not folders:
        say(options, "nothing stands")
    return exit_code(trouble, in_sync=in_sync)


def warn(options: Options, waiting: Mapping[str, object], lines: Iterable[str]) -> None:
    for name, why in waiting.items():
        note(options, f"warning: project {name} waits: {why}")
    for line in lines:
        note(options, f"warning: {line}")


def asked_for(
    options: Options, live: State, change: Change | None, trouble: ReconcileError | None
) -> frozenset[str]:
    """The projects that are to be told of; raises UsageError for one that neither stands nor is declared."""
    known = ownership.projects(live) | frozenset(change.topology.projects if change else ())
    if not trouble:
        refuse_strangers(options, known)
    return options.projects or known


def compared(options: Options, host: LastingHost) -> tuple[Change | None, ReconcileError | None]:
    """The manifests with the host, as far as there are any; or why that cannot be said."""
    if not options.paths and not os.path.exists(DEFAULT_PATH):
        return None, None
    try:
        return comparison(options, host), None
    except ReconcileError as error:
        return None, error


def of_projects(topology: Topology, names: frozenset[str]) -> Topology:
    """What was decided of the networks of these."""
    return replace(topology, networks=tuple(one for one in topology.networks if one.project in names))


def exit_code(trouble: ReconcileError | None, *, in_sync: bool) -> int:
    """0 or 2; raises what is to be told last."""
    if trouble:
        raise trouble
    return 0 if in_sync else 2


def guards(live: State) -> str:
    """The families in which the host was no router before us."""
    return " and ".join(
        name for name, memory in zip(("IPv4", "IPv6"), MEMORIES, strict=True) if live.keys() & memory
    )


def project_row(name: str, root: str, live: State) -> ProjectRow:
    mine = [r for r in live.values() if getattr(r, "project", "") == name]
    ports = {flow[1:] for r in mine if isinstance(r, Element) and (flow := r.flow)}  # of both families once
    networks = sum(isinstance(r, Bridge) for r in mine)
    return ProjectRow(name, root, networks, sum(isinstance(r, Namespace) for r in mine), len(ports))


def history(options: Options) -> int:
    """Past revisions, the newest first."""
    known = list(Revisions(options.state_dir))
    if options.output == "json":
        tell(options, json.dumps({"revisions": [revision_row(revision) for revision in known]}, indent=1))
        return 0
    if not known:
        note(options, f"no revision is remembered in {options.state_dir}")
    for r in known:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(r.at))
        about = f"{r.digest[:12]}  {r.commit or '-':<20}  {r.summary}   {' '.join(r.paths)}"
        tell(options, f"{r.number:>5}  {at}  {about}{f'   {scaled.in_words(r.scaled)}' * bool(r.scaled)}")
    return 0


def revision_row(r: Revision) -> dict[str, object]:
    names = ("number", "digest", "at", "commit", "paths", "summary", "scaled")
    return {name: getattr(r, name) for name in names}
