"""What each mode does: the line run as far as the mode needs it, and its result printed."""

import json
import os
from argparse import Namespace as Arguments
from dataclasses import replace
from typing import Any

from .. import disk
from ..core import render
from ..core.resource import State
from ..errors import FailedInPart, Unwritten, UsageError
from ..inventory.facts import Facts
from ..manifest.spec import Manifest
from ..paths import DEFAULT_PATH
from ..pipeline import Change, Limits, apart, compare, decide, destruction, enact, refuse
from .session import comparison, give, linux, machine, note, plan_json, print_plan, read, remember, say, tell


def plan(args: Arguments) -> int:
    with linux(args) as host:
        change = comparison(args, host)
    if args.out:
        give(args.out, json.dumps(plan_json(change), indent=1).encode())
    print_plan(args, change)
    return 2 if args.exit_code and (change.todo or change.closed) else 0


def apply(args: Arguments) -> int:
    from ..kernel.lock import lock

    with lock(args.wait), linux(args) as host:
        change = comparison(args, host)
        failed = carry_out(args, change, host)
    if not args.confirm_within:
        remember(args, change)
    print_plan(args, done(change, failed))
    return ended(failed)


def done(change: Change, failed: FailedInPart | None) -> Change:
    return apart(change, failed.refusals) if failed else change


def ended(failed: FailedInPart | None) -> int:
    if failed:
        raise failed
    return 0


def carry_out(args: Arguments, change: Change, host: Any) -> FailedInPart | None:
    """What sandboxes have refused is told when all else that was done is told and kept."""
    from ..safety.commit_confirm import refuse_meanwhile

    refuse_meanwhile(change)
    refuse(change, Limits(args.only, args.max_removals, args.max_disruption))
    if args.rehearse:
        from ..safety.rehearsal import rehearse

        note(args, rehearse(change, host))
    try:
        if args.confirm_within:
            from .watch import enact_until_confirmed

            enact_until_confirmed(args, change, host)
        else:
            enact(change, host)
    except FailedInPart as error:
        return error
    return None


def destroy(args: Arguments) -> int:
    """The projects that are named, or those of the manifests."""
    from ..kernel.lock import lock

    manifest = Manifest() if args.project and not args.paths else read(args)
    wanted = destruction(manifest, frozenset(args.project))
    if not wanted.projects:
        raise UsageError("nothing to destroy: no project is named", "give a PATH or --project NAME")
    with lock(args.wait), linux(args) as host:
        change = compare(wanted, host)
        left = forwarding_left(change, host.facts())
        failed = carry_out(args, change, host)
    print_plan(args, done(change, failed))
    if left:
        note(args, f"left as it is: {', '.join(left)}")
    return ended(failed)


def forwarding_left(change: Change, facts: Facts) -> list[str]:
    """The global sysctls are never reset: something else may count on them by now."""
    from ..drivers.firewall.routing_policy import FORWARD

    gone = not any(key.startswith("table inet/") for key in change.desired) and change.todo
    return [f"{FORWARD[f]}=1" for f, on in zip((4, 6), facts.forwarding, strict=True) if on and gone]


def status(args: Arguments) -> int:
    from ..daemon.status import in_words, running
    from ..drivers.hearsay import discrepancies, listed
    from ..inventory.learn import roots
    from ..kernel.observe import evpn
    from ..kernel.observe.peers import in_words as heard
    from ..kernel.observe.peers import peers
    from ..safety.commit_confirm import waiting

    watcher = running()
    host = machine(args)
    live = host.observe()
    wanted = args.paths or ([DEFAULT_PATH] if os.path.exists(DEFAULT_PATH) else [])
    change = comparison(args, host) if wanted else None
    if args.out:
        from ..hosts.snapshot import save

        give(args.out, save(machine(args), change.desired.values() if change else ()))
    in_sync = change is None or not (change.todo or change.closed)
    rows = [project_row(name, root, live) for name, root in sorted(roots(live).items())]
    others, wrong = peers(live), discrepancies(change.topology, evpn.told) if change else []
    if args.output == "json":
        told = {"schema_version": 1, "in_sync": in_sync, "projects": rows, "watcher": watcher}
        told |= {"peers": [peer._asdict() for peer in others], "differences": wrong}
        tell(args, json.dumps(told, indent=1))
    else:
        for row in rows:
            root = f", from {row['root']}" if row["root"] else ""
            say(args, f"{row['project']}: {sizes(row['networks'], row['sandboxes'], row['ports'])}{root}")
        for line in heard(others):
            say(args, line)
        for line in listed(wrong):
            note(args, f"warning: {line}")
        say(args, waiting())
        say(args, in_words(watcher))
        if change:
            say(args, "in sync" if in_sync else f"not in sync: {render.summary(change.todo)}")
        elif not rows:
            say(args, "nothing stands")
    return 0 if in_sync else 2


def project_row(name: str, root: str, live: State) -> dict[str, Any]:
    from ..kinds.link import Bridge
    from ..kinds.namespace import Namespace
    from ..kinds.nft import Element

    mine = [r for r in live.values() if getattr(r, "project", "") == name]
    ports = {
        r.item for r in live.values() if isinstance(r, Element) and r.flow and r.table == f"reconciler-{name}"
    }
    return {
        "project": name,
        "root": root,
        "networks": sum(isinstance(r, Bridge) for r in mine),
        "sandboxes": sum(isinstance(r, Namespace) for r in mine),
        "ports": len(ports),
    }


def validate(args: Arguments) -> int:
    manifest = read(args)
    for name in host_names(manifest) or [""]:
        topology, _ = decide(manifest, Facts(known=False, name=name))
    ports = {(port.protocol, port.host_ip, port.first) for port in topology.ports}  # of both families once
    say(
        args,
        f"valid: {render.number(len(topology.projects), 'project')}, "
        + sizes(len(topology.networks), len(topology.sandboxes), len(ports)),
    )
    return 0


def sizes(networks: int, sandboxes: int, ports: int) -> str:
    number = render.number
    return f"{number(networks, 'network')}, {number(sandboxes, 'sandbox')}, {number(ports, 'published port')}"


def host_names(manifest: Manifest) -> list[str]:
    return list(dict.fromkeys(host.name for project in manifest.projects for host in project.hosts))


def lock(args: Arguments) -> int:
    """Write addresses.lock beside the manifests, or with --check tell whether it is as it would be
    written."""
    from ..manifest.store import lockfile

    manifest = read(args)
    name = next(iter(host_names(manifest)), "")
    topology, _ = decide(unpublished(manifest), Facts(known=False, name=name))
    file, wanted = lockfile.beside(args.paths or [DEFAULT_PATH]), dict(topology.lock)
    held = lockfile.parsed(manifest.lock)
    new, gone = wanted.items() - held.items(), held.keys() - wanted.keys()
    counts = f"{len(wanted)} lines, {len(new)} new or changed, {len(gone)} removed"
    if args.check:
        say(args, f"{file}: " + (f"stale: {counts}" if new or gone else "as it should be"))
        return 2 if new or gone else 0
    try:
        disk.write(os.path.realpath(file), lockfile.text(wanted).encode(), 0o644)
    except OSError as error:
        raise Unwritten(f"{file} cannot be written: {error.strerror}", "it is as it was") from None
    say(args, f"{file}: {counts}")
    return 0


def unpublished(manifest: Manifest) -> Manifest:
    """Without what concerns no other host: which ports one publishes."""
    projects = (
        replace(project, containers=tuple(replace(spec, ports=()) for spec in project.containers))
        for project in manifest.projects
    )
    return replace(manifest, projects=tuple(projects))


def key(args: Arguments) -> int:
    """This host's key, made where there is none: the line that goes into `hosts:`."""
    say(args, f"public_key: {machine(args).make_key()}")
    return 0


def schema(args: Arguments) -> int:
    from ..manifest.model.schema import text

    tell(args, text(), end="")
    return 0


def show(args: Arguments) -> int:
    from .show import as_json, as_text

    with linux(args) as host:
        topology = comparison(args, host).topology
    text = json.dumps(as_json(topology), indent=1) if args.output == "json" else as_text(topology)
    tell(args, text, end="")
    return 0


def explain(args: Arguments) -> int:
    with linux(args) as host:
        change = comparison(args, host)
    if args.explain not in {**change.live, **change.desired}:
        from difflib import get_close_matches

        near = get_close_matches(args.explain, [*change.live, *change.desired], 1)
        raise UsageError(
            f"nothing has the key {args.explain!r}",
            f"did you mean {near[0]!r}?" if near else "see --plan -o wide",
        )
    tell(args, render.explained(args.explain, change.live, change.desired), end="")
    return 0
