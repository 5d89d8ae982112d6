"""What a name means, as decided: whose it is on which network, and by which line of a manifest."""

import json
from collections.abc import Sequence
from difflib import get_close_matches

from ..change import Change
from ..cnm.meaning import Meaning, beyond, in_hosts_file, meanings, members
from ..cnm.naming import DnsView, Zone
from ..cnm.topology import Topology
from ..errors import UsageError
from .options import Options
from .session import comparison, machine, tell, tell_who_waits

NEAR = 3  # names that may have been meant


def resolve(options: Options) -> int:
    """1 where it is nobody's."""
    asked, change = options.resolve, comparison(options, machine(options))
    topology = change.topology
    sandbox, view = asker(options.from_, topology, change) if options.from_ else ("", None)
    zones = [zone for zone in topology.naming.zones if not sandbox or view and zone.network in view.networks]
    own = next((one for one in topology.sandboxes if one.name == sandbox), None)
    found = own and in_hosts_file(asked, own) or meanings(asked, zones, members(change.manifest, topology))
    near = [] if found else get_close_matches(asked.lower(), known_names(zones), NEAR)
    otherwise = "" if found or not view else beyond(asked, view)
    if options.output == "json":
        told = {"schema_version": 1, "asked": asked, "from": sandbox, "otherwise": otherwise, "near": near}
        tell(options, json.dumps({**told, "meanings": [row(one) for one in found]}, indent=1))
    else:
        tell(options, "\n".join(lines(asked, found, near, otherwise)))
    tell_who_waits(change)
    return 0 if found else 1


def asker(name: str, topology: Topology, change: Change) -> tuple[str, DnsView | None]:
    """The sandbox that is meant, and what it is told; raises UsageError where it is none, or not one."""
    known = members(change.manifest, topology).values()
    meant = {one.name for one, _, _ in known if name in (one.name, one.spec.name)}
    here = [one.name for one in topology.sandboxes if one.name == name or one.name in meant]
    views = {one: view for view in topology.naming.views for one in view.sandboxes}
    if not here:
        near = get_close_matches(name, [one.name for one in topology.sandboxes], 1)
        raise UsageError(f"no container here is {name!r}", f"did you mean {near[0]!r}?" if near else "")
    if len({views.get(one) for one in here}) > 1:
        raise UsageError(f"{name!r} may be {', '.join(here)}", "they are told different things: name one")
    return here[0], views.get(here[0])


def known_names(zones: Sequence[Zone]) -> list[str]:
    return list(dict.fromkeys(name for zone in zones for _, called in zone.entries for name in called))


def lines(asked: str, found: Sequence[Meaning], near: Sequence[str], otherwise: str) -> list[str]:
    if found:
        return [*dict.fromkeys(one.name for one in found), *(f"  {one}" for one in found)]
    hint = f"  hint: did you mean {' or '.join(map(repr, near))}?"
    return [f"nobody is called {asked}" + f"; {otherwise}" * bool(otherwise), *([hint] if near else [])]


def row(one: Meaning) -> dict[str, object]:
    where = one.where
    place = {"file": where.file, "line": where.line, "column": where.column, "path": where.path}
    return {**one._asdict(), "where": place}
