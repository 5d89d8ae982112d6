"""What a change would take away, against what stands, and what stood an hour ago: by project, and by folder.

A project that is still declared counts by itself, and what left a folder with all that stands from it.  What
others have counts for nobody.  What was wanted last is remembered, so that nobody makes a removal small by
deleting the rest.
"""

import json
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple

from .. import disk
from ..change import Change
from ..core.resource import Key, State
from ..errors import LISTED, ReconcileError, Refused
from ..inventory import ownership
from ..kernel.lock import RUN
from ..manifest.compose.files import SUFFIXES
from ..truth import source

WANTED = f"{RUN}/wanted.json"
HOUR = 3600.0  # seconds that what went counts: a folder that is emptied file by file is emptied all the same
COUNTED = ("namespace ", "link host/")  # beginnings of keys: sandboxes, and links of the host


class Row(NamedTuple):
    """Something that was wanted, by a project of a folder; `left` is when it went without a person, 0 while
    it has not.  A project that went with all it had is known by the folder alone."""

    project: str
    folder: str
    left: float


Memory = Mapping[Key, Row]


class Party(NamedTuple):
    """What counts together, as words and as projects; of a folder also those that are no more."""

    words: str
    projects: frozenset[str]
    folder: str = ""

    def has(self, row: Row) -> bool:
        return row.project in self.projects or bool(self.folder) and row.folder == self.folder


class Loss(NamedTuple):
    """What a party loses, of what it had."""

    party: Party
    going: Mapping[Key, str]  # by key, the project
    gone: int  # within the last hour
    had: int

    def is_beyond(self, limit: str) -> bool:
        part = self.had * int(limit[:-1]) / 100 if limit.endswith("%") else int(limit)
        return bool(self.going) and len(self.going) + self.gone > part

    def __str__(self) -> str:
        before = f"{self.gone} have gone within the hour, and " * bool(self.gone)
        which = f"{len(self.going)} of {self.had - self.gone} networks and sandboxes of {self.party.words}"
        return f"{before}{which} would go"


class TooMuchGoes(Refused):
    """More than a limit allows; `projects` are those that lose it."""

    id = "R0006"

    def __init__(self, beyond: list[Loss], limit: str, digest: str, command: str):
        others = [loss.party.words for loss in beyond[1:]]
        more = [f"{len(others) - LISTED} more"] * (len(others) > LISTED)
        likewise = f" (likewise of {', '.join([*others[:LISTED], *more])})" * bool(others)
        super().__init__(
            f"{beyond[0]}{likewise}, more than --max-removals {limit}",
            f"first of them: {min(beyond[0].going)}; `{command}` accepts it by hand, and in a manifest the"
            f" line `accept-removals: {digest}`",
        )
        self.digest = digest
        self.projects = frozenset(project for loss in beyond for project in loss.going.values())

    @property
    def by_project(self) -> dict[str, ReconcileError]:
        return dict.fromkeys(sorted(self.projects), self)


def refuse_removals(change: Change, limit: str, memory: Callable[[], Memory]) -> None:
    """Raise TooMuchGoes where a party loses more than the limit, and no manifest accepts that."""
    known = memory()
    had = {key: row.project for key, row in known.items() if not row.left}
    if not change.removed and had.keys() <= change.desired.keys():
        return
    remembered, removed = {*had.values()}, {*change.removed}
    stands = counted(change.live).items()
    had |= {key: project for key, project in stands if key in removed or project not in remembered}
    going = {key: project for key, project in had.items() if key not in change.desired}
    if is_accepted(change, going):
        return
    gone = [row for key, row in known.items() if row.left and not (key in had or key in change.desired)]
    losses = (loss_of(party, had, going, gone) for party in parties(change))
    if beyond := [loss for loss in losses if loss.is_beyond(limit)]:
        raise TooMuchGoes(beyond, limit, digest(change, going), command(change))


def command(change: Change) -> str:
    """The one that applies what a person has looked at, whatever goes."""
    whole = [one.path for one in change.manifest.sources if one.whole]
    files = [file for file in change.manifest.files if file.endswith(SUFFIXES)]
    paths = whole or (files if len(files) == 1 else ["PATH"])
    return shlex.join(["reconcile", "--apply", *paths])


def loss_of(party: Party, had: Mapping[Key, str], going: Mapping[Key, str], gone: list[Row]) -> Loss:
    left = sum(map(party.has, gone))
    has = sum(project in party.projects for project in had.values())
    mine = {key: project for key, project in going.items() if project in party.projects}
    return Loss(party, mine, left, has + left)


def counted(state: State) -> dict[Key, str]:
    """What counts, with the project that it is of."""
    owner = ownership.owners(state)
    return {key: owner(r) for key, r in state.items() if is_counted(key) and not r.leftover}


def is_counted(key: Key) -> bool:
    return key.startswith(COUNTED)


def parties(change: Change) -> Iterator[Party]:
    """The projects that are declared, and the folders; what nobody knows the folder of is by itself."""
    folders: dict[str, set[str]] = {}
    for project in change.manifest.projects:
        one = source(change.manifest, project)
        if one.names:
            folders.setdefault(one.names[0], set()).add(project.name)
        if project.networks or project.containers or not one.names:
            yield Party(f"project {project.name}", frozenset({project.name}))
    for name, projects in folders.items():
        yield Party(name, frozenset(projects), name)


def digest(change: Change, going: Mapping[Key, str]) -> str:
    """What tells these removals of the change from any others; YAML takes it for no number."""
    names = {project.name for project in change.manifest.projects}
    keys = sorted(key for key, project in going.items() if project in names)
    return "r" + sha256("\n".join(keys).encode()).hexdigest()[:15]


def is_accepted(change: Change, going: Mapping[Key, str]) -> bool:
    accepted = {project.accept_removals for project in change.manifest.projects} - {""}
    return bool(accepted) and digest(change, going) in accepted


def recalled(file: str = WANTED) -> dict[Key, Row]:
    """What is wanted, and what was within the last hour; nothing of what is not as it was written."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        rows = disk.parsed(disk.read(file, disk.LARGE)).items()
        known = {
            str(key): Row(str(project), str(folder), float(left)) for key, (project, folder, left) in rows
        }
        return {key: row for key, row in known.items() if not row.left or 0 <= time.time() - row.left < HOUR}
    return {}


def remember(change: Change, file: str = WANTED, *, limited: bool, growing: bool = True) -> None:
    """What the change wants, with what is new if it is `growing`: what comes while much is held makes that no
    less.  What it takes away counts for an hour, unless a person wanted or accepted it."""
    known, keys = recalled(file), set(filter(is_counted, change.desired))
    standing = {key for key, row in known.items() if not row.left}
    if standing == keys or (not growing and standing <= keys):
        return
    theirs = {key: row for key, row in known.items() if row.project not in change.projects}
    ours = ((key, project) for key, project in counted(change.desired).items() if project in change.projects)
    folders = {one.name: source(change.manifest, one).names for one in change.manifest.projects}
    homes = {name: next(iter(names), "") for name, names in folders.items()}
    mine = {
        key: Row(project, homes.get(project, ""), 0.0) for key, project in ours if growing or key in known
    }
    past = {key: row for key, row in known.items() if key not in theirs.keys() | mine.keys()}
    if not limited or is_accepted(change, {key: row.project for key, row in past.items() if not row.left}):
        past = {key: row for key, row in past.items() if row.left}
    left = {key: row._replace(left=row.left or time.time()) for key, row in past.items()}
    disk.write(file, json.dumps(theirs | mine | left).encode())
