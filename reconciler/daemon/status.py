"""What a watcher has seen and done, as status.json for people and for scripts."""

import json
import os
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from .. import disk
from ..change import Change
from ..core import render
from ..core.resource import Key, State
from ..errors import ManifestErrors, ReconcileError
from ..inventory import ownership
from ..inventory.summary import summary
from ..kernel.lock import RUN, is_held
from ..kinds.address import Address
from ..kinds.evpn import Router
from ..kinds.nft import Element
from ..kinds.wireguard import Wireguard
from ..kinds.workload import Workload
from .answering import Answering, answering
from .outcome import Outcome
from .repair import RepairLoop

STATUS, SUSPENDED = (f"{RUN}/{name}" for name in ("status.json", "suspended"))
WATCHING = f"{RUN}/watch"  # where the watcher's lock is
WATCHED = "watched"  # as files are, unless they are polled
REMEMBERED, LISTED = 20, 8  # repairs, and lines of each
LOGGED = 20  # lines of a plan in the log, the rest is counted


class Tally:
    """What stands, and what there is to tell of it: gone through once, since mostly it stays as it is."""

    def __init__(self, live: State) -> None:
        self.live = live

    @cached_property
    def owned(self) -> Counter[str]:
        return Counter(r.noun for r in self.live.values())

    @cached_property
    def roots(self) -> dict[str, str]:
        return ownership.roots(self.live)

    @cached_property
    def homes(self) -> dict[str, str]:
        """The sandbox of each address; "host" for the host's."""
        return {r.ip: r.ns for r in self.live.values() if isinstance(r, Address)}

    @cached_property
    def elements(self) -> list[Element]:
        """Of published ports."""
        return [r for r in self.live.values() if isinstance(r, Element) and r.flow]

    @cached_property
    def answering(self) -> dict[Key, Answering]:
        """Who answers for names."""
        return answering(self.live)

    @cached_property
    def hearing(self) -> State:
        """What tells of other hosts."""
        return {key: r for key, r in self.live.items() if isinstance(r, Wireguard | Router)}


def containers(change: Change) -> list[Workload]:
    """Those that are wanted; how they do tells whoever was read so."""
    wanted = ((change.live.get(key), r) for key, r in change.desired.items() if isinstance(r, Workload))
    return [old if isinstance(old, Workload) and old == r else r for old, r in wanted]


@dataclass
class Status:
    """Counts since the watcher started; times are of the wall clock and only shown."""

    started: float = field(default_factory=time.time)
    turns: int = 0
    applies: int = 0
    failures: int = 0
    healed: int = 0
    seconds: float = 0.0  # of all applies
    last_seconds: float = 0.0
    last_apply: float | None = None
    trigger: str = ""
    at: float = 0.0
    outcome: Outcome = field(default_factory=Outcome)
    warnings: tuple[str, ...] = ()  # of the last decision
    waiting: Mapping[str, ReconcileError] = field(
        default_factory=dict
    )  # projects that this host lacks something for
    standing: Tally = field(default_factory=lambda: Tally({}))  # after the last turn that could tell
    containers: Sequence[Workload] = ()  # that engines run, likewise
    commits: dict[str, str] = field(default_factory=dict)  # by the digest of a revision
    healings: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def add(self, outcome: Outcome, trigger: str, who: str) -> None:
        self.turns += 1
        self.outcome, self.trigger, self.at = outcome, trigger, time.time()
        if outcome.change:
            self.warnings, self.waiting = outcome.change.warnings, outcome.change.waiting
            self.containers = containers(outcome.change)
        if outcome.change and outcome.change.desired is not self.standing.live:
            self.standing = Tally(outcome.change.desired)
        self.failures += outcome.error is not None
        if outcome.seconds is not None and outcome.change and outcome.change.todo:
            self.applies += 1
            self.seconds += outcome.seconds
            self.last_seconds, self.last_apply = outcome.seconds, self.at
        self.add_repair(outcome, who)

    def add_repair(self, outcome: Outcome, who: str) -> None:
        if outcome.drift and outcome.change:
            self.healed += len(outcome.change.todo)
            what = list(islice(render.summarised(outcome.change.todo), LISTED))
            steps = len(outcome.change.todo)
            self.healings.append({"at": time.time(), "by": who, "steps": steps, "what": what})


def log_rows(outcome: Outcome, who: str) -> Iterator[str]:
    """What was done, each step as in a plan."""
    if outcome.change and (todo := outcome.change.todo):
        word = "put right" if outcome.drift else "applied"
        by = f"; changed by {who}" if outcome.drift and who else ""
        yield f"{word} in {(outcome.seconds or 0) * 1000:.0f} ms: {summary(outcome.change)}{by}"
        rows = list(render.summarised(todo))
        yield from (f"  {row}" for row in rows[:LOGGED])
        yield from [f"  ... {len(rows) - LOGGED} more"] * (len(rows) > LOGGED)


def health(status: Status, repair: RepairLoop) -> str:
    if os.path.exists(SUSPENDED):
        return "suspended"
    if status.outcome.error:
        return "failing"
    if status.outcome.settling:
        return "settling"
    return "fighting" if repair.fights.repeated() else "ok"


def as_json(status: Status, repair: RepairLoop, **more: object) -> dict[str, object]:
    revision = {
        name: manifest and {"digest": manifest.digest, "commit": status.commits.get(manifest.digest, "")}
        for name, manifest in (("applied", repair.good), ("attempted", repair.newest))
    }
    return {
        "schema_version": render.SCHEMA_VERSION,
        "pid": os.getpid(),
        "in_sync": status.outcome.in_sync,
        "health": health(status, repair),
        "revision": revision,
        "error": error_row(status.outcome.error),
        "warnings": list(status.warnings),
        "waiting": {name: str(why) for name, why in sorted(status.waiting.items())},
        "last_run": {"at": status.at, "trigger": status.trigger, "turns": status.turns},
        "last_apply": {"at": status.last_apply, "seconds": status.last_seconds, "count": status.applies},
        "drift": {"healed": status.healed, "last": list(status.healings)},
        "fights": [
            {"project": project, "key": key, "repairs": hits}
            for (project, key), hits in repair.fights.repeated().items()
        ],
        "owned": dict(status.standing.owned),
        "projects": status.standing.roots,
        **more,
    }


def error_row(error: ReconcileError | None) -> dict[str, object] | None:
    """The first mistake, with its place."""
    if error is None:
        return None
    first = error.errors[0] if isinstance(error, ManifestErrors) else error
    where = first.where
    return {
        "id": first.id,
        "message": first.message,
        "hint": first.hint,
        "file": where and where.file,
        "line": where and where.line,
        "column": where and where.column,
        "path": where and where.path,
    }


def publish(status: Status, repair: RepairLoop, **more: object) -> None:
    """Whole or not at all."""
    disk.write(STATUS, json.dumps(as_json(status, repair, **more), indent=1).encode() + b"\n", 0o644)


def watcher_runs() -> bool:
    """Whether a watcher runs: it holds its lock, whatever files say."""
    try:
        return is_held(WATCHING)
    except ReconcileError:
        return os.path.exists(STATUS)  # not ours to try


def watcher_status() -> dict[str, Any] | None:
    """What the watcher that runs has written down; empty where that cannot be read."""
    if not watcher_runs():
        return None
    with suppress(OSError, ValueError):
        found = disk.parsed(disk.read(STATUS))
        if isinstance(found, dict):
            return found
    return {}


def in_words(watcher: dict[str, Any] | None) -> str:
    """The lines of --status."""
    if watcher is None:
        return "SUSPENDED: see --resume" if os.path.exists(SUSPENDED) else ""
    try:
        return "\n".join(status_lines(watcher))
    except (LookupError, TypeError, AttributeError):
        return f"a watcher runs; {STATUS} does not tell what it does"


def warned(watcher: dict[str, Any] | None) -> tuple[dict[str, object], list[str]]:
    """Who waits, with why, and what else it warns of: for who compares no manifests himself."""
    told = watcher or {}
    return dict(told.get("waiting") or {}), list(told.get("warnings") or ())


def status_lines(watcher: dict[str, Any]) -> list[str]:
    applied, commit = (watcher["revision"]["applied"] or {}).get("commit"), watcher["checked_out"]
    at = f" at {commit}" * bool(commit) + f", applied is {applied}" * bool(applied and applied != commit)
    lines = [f"watching {' '.join(watcher['paths'])}{at}: {watcher['health']}"]
    lines += ["SUSPENDED: nothing is applied until --resume"] if watcher["health"] == "suspended" else []
    lines += [f"{watcher['drift']['healed']} things put right"] if watcher["drift"]["healed"] else []
    lines += [
        f"  {h['what'][0]}" + f"   changed by {h['by']}" * bool(h["by"])
        for h in watcher["drift"]["last"][-3:]
    ]
    lines += [f"fight over {f['key']}: put right {f['repairs']} times" for f in watcher["fights"]]
    lines += [f"relaying {' '.join(watcher['relay']['ports'])}"] if watcher["relay"]["ports"] else []
    lines += [f"not relayed: {row}" for row in watcher["relay"]["refused"]]
    lines += [f"the relay {row}" for row in watcher["relay"]["notes"]]
    lines += [f"files are {watcher['files']}"] if watcher["files"] != WATCHED else []
    lines += [f"trouble with {what}: {words}" for what, words in watcher["troubles"].items()]
    if error := watcher["error"]:
        place = f"{error['file']}:{error['line']}: " if error["file"] else ""
        lines.append(f"last error: {place}{error['message']}")
        lines += [f"  hint: {error['hint']}"] if error["hint"] else []
    return lines
