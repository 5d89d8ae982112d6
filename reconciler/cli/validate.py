"""What manifests alone tell: whether they are valid, their schema, and what their hosts must agree on."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from .. import disk
from ..core import render
from ..drivers.firewall.elements import skeleton
from ..errors import NotPermitted, Unwritten
from ..inventory.facts import Facts
from ..kernel.remote.discovery import Plugins
from ..manifest.parts import host_names
from ..manifest.spec import Manifest
from ..manifest.store import lockfile
from ..pipeline import decide, decide_everywhere, known_facts
from .options import Options
from .session import machine, note, read, say, sizes, tell


def validate(options: Options) -> int:
    manifest = read(options)
    topology = decide_everywhere(manifest, Plugins())
    for warning in topology.warnings:
        note(options, f"warning: {warning}")
    ports = {(port.protocol, port.host_ip, port.first) for port in topology.ports}  # of both families once
    counts = len(topology.networks), len(topology.sandboxes), len(ports)
    if options.output == "json":
        names = ("projects", "networks", "sandboxes", "ports")
        told = dict(zip(names, (len(topology.projects), *counts), strict=True))
        say(options, json.dumps({"schema_version": 1, **told}, indent=1))
        return 0
    say(options, f"valid: {render.number(len(topology.projects), 'project')}, {sizes(*counts)}")
    return 0


def lock(options: Options) -> int:
    """Write addresses.lock beside the manifests, or with --check tell whether it is as
    it would be written."""
    manifest = read(options)
    file, wanted = lockfile.beside(options.sources), lock_of(options, unpublished(manifest))
    known = lockfile.parsed(manifest.lock)
    new, gone = wanted.items() - known.items(), known.keys() - wanted.keys()
    counts = f"{len(wanted)} lines, {len(new)} new or changed, {len(gone)} removed"
    if options.check:
        say(options, f"{file}: " + (f"stale: {counts}" if new or gone else "as it should be"))
        return 2 if new or gone else 0
    try:
        disk.write(os.path.realpath(file), lockfile.text(wanted).encode(), 0o644)
    except OSError as error:
        raise Unwritten(f"{file} cannot be written: {error.strerror}", "it is as it was") from None
    say(options, f"{file}: {counts}")
    return 0


def lock_of(options: Options, manifest: Manifest) -> Mapping[tuple[str, str], Sequence[str]]:
    """What its hosts must agree on; where it has none, all that it comes to on this one, as that stands."""
    if names := host_names(manifest):
        return decide(manifest, Facts(known=False, name=names[0], plugins=Plugins()))[0].lock
    facts = Facts(known=False, plugins=Plugins())
    with suppress(NotPermitted):  # who may not look locks what a fresh host comes to
        host = machine(options)
        facts = known_facts(manifest, host.observe(skeleton()), host, ())
    topology, _ = decide(manifest, facts)
    return {**topology.own_lock, **topology.lock}


def unpublished(manifest: Manifest) -> Manifest:
    """Without what concerns no other host: which ports one publishes."""
    projects = (
        replace(project, containers=tuple(replace(spec, ports=()) for spec in project.containers))
        for project in manifest.projects
    )
    return replace(manifest, projects=tuple(projects))


def key(options: Options) -> int:
    """This host's key, made where there is none: the line that goes into `hosts:`."""
    tell(options, f"public_key: {machine(options).make_key()}")
    return 0


def schema(options: Options) -> int:
    from ..drivers import DRIVERS
    from ..manifest.model.schema import text

    tell(options, text(DRIVERS), end="")
    return 0
