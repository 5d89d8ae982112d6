"""One hierarchy of errors; each says what is wrong, where it stands, and what to do about it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

LONGEST = 300  # characters of somebody else's words
LISTED = 8  # of what went wrong in the same way


class Where(NamedTuple):
    """A place in a manifest; prints as `shop.yaml:14:9 services.web.ports[0]`.  One without a column is in a
    file of secrets, of which no line is shown."""

    file: str
    line: int = 0
    column: int = 0
    path: str = ""

    def __str__(self) -> str:
        spot = ":".join(map(str, filter(None, (self.file, self.line, self.column))))
        return f"{spot} {self.path}" if self.path else spot


NOWHERE = Where("")


class ReconcileError(Exception):
    """What every failure of ours is; `exit_code` follows sysexits.h and CONTRACT's table, and
    `docs/errors.md` has a paragraph about each `id`."""

    id = "R0001"
    exit_code = 1
    traceback = ""  # of what nobody foresaw

    def __init__(self, message: str, hint: str = "", where: Where | None = None):
        super().__init__(message)
        self.message, self.hint, self.where = message, hint, where

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class UsageError(ReconcileError):
    """The command line is off."""

    id = "R0002"
    exit_code = 64


class ManifestError(ReconcileError):
    """A manifest is off; `label` is a second place that takes part in the mistake."""

    id = "R0100"
    exit_code = 65

    def __init__(
        self, message: str, hint: str = "", where: Where | None = None, label: tuple[Where, str] | None = None
    ):
        super().__init__(message, hint, where)
        self.label = label


class NoLink(ManifestError):
    """The host lacks a link that a network stands on, which would be of this kind."""

    id = "R0122"

    def __init__(self, message: str, hint: str, where: Where, link: str, kind: str = ""):
        super().__init__(message, hint, where)
        self.link, self.kind = link, kind


class NoDriver(ManifestError):
    """A network's driver is not on this host: it is misspelt, or the package that it came with is gone."""

    id = "R0123"


class ManifestErrors(ManifestError):
    """Every mistake that one run found, in the order of the files and each once: a file that is included
    twice makes its mistakes once, and so do hosts that share a manifest."""

    def __init__(self, errors: "Iterable[ManifestError]", warnings: "Iterable[str]" = ()):
        each = (one for error in errors for one in getattr(error, "errors", [error]))
        unique = {(one.where, one.message): one for one in each}
        self.errors: list[ManifestError] = sorted(
            unique.values(), key=lambda one: one.where or ("", 0, 0, "")
        )
        self.warnings = tuple(warnings)  # of the same manifests: a mistake may follow from one
        super().__init__("\n".join(map(str, self.errors)))


Finding = ManifestError | str  # what cannot be as it is written, or what is told


class Unsupported(ReconcileError):
    """The kernel or the host lacks something that the manifest needs."""

    id = "R0003"
    exit_code = 69


class DriverFault(ReconcileError):
    """A driver that somebody installed fails, or wants what is not of its network."""

    id = "R0004"


class Refused(ReconcileError):
    """The plan was found and will not be applied: stale digest, too many removals, too much disruption."""

    id = "R0005"


class Foreign(ReconcileError):
    """Something that is not ours stands where the manifest wants a thing of its own."""

    id = "R0008"


class Locked(ReconcileError):
    """Another apply holds the host's lock."""

    id = "R0009"
    exit_code = 75


class NotPermitted(ReconcileError):
    """The kernel demands a capability that this process does not have."""

    id = "R0010"
    exit_code = 77


class KernelError(ReconcileError):
    """The kernel refused a step: the step, the errno and the kernel's own words."""

    id = "R0011"

    def __init__(self, step: str, number: int, words: str, where: Where | None = None):
        super().__init__(f"{step}: {words}", where=where)
        self.step, self.number = step, number

    @property
    def key(self) -> str:
        """Of what it was about."""
        return self.step[2:].split("   #")[0]


class NotConverged(ReconcileError):
    """Every step was accepted and these keys still differ."""

    id = "R0012"

    def __init__(self, left: "list[str]", words: str = "", where: Where | None = None):
        said = words or f"accepted, yet {len(left)} differ afterwards: {', '.join(left[:LISTED])}"
        super().__init__(said, where=where)
        self.left = left


class RollbackFailed(ReconcileError):
    """The apply failed, and so did the way back; `left` names what is not as it was."""

    id = "R0013"
    exit_code = 3

    def __init__(self, cause: ReconcileError, left: "list[str]"):
        super().__init__(f"{cause.message}; rolling back left {', '.join(left)}", where=cause.where)
        self.cause, self.left = cause, left


class Unwritten(ReconcileError):
    """What was asked for is done, and the output that tells of it cannot be written."""

    id = "R0014"
    exit_code = 74


class Unjudged(ReconcileError):
    """Whether a connection gets through cannot be told: of a rule, say, whose text nobody knows."""

    id = "R0018"


class Unforeseen(ReconcileError):
    """An exception that no code of ours expects.

    The id tells one cause from another: it is the same wherever the same functions meet the same trouble.
    """

    id = "R0015"

    def __init__(self, error: BaseException):
        import traceback  # costs 4 ms that no other run need pay

        frames = traceback.extract_tb(error.__traceback__)
        self.traceback = "".join(traceback.format_exception(error)).rstrip()
        self.fingerprint = identity(type(error).__name__, [(frame.filename, frame.name) for frame in frames])
        super().__init__(
            f"unforeseen {said(error)} (id {self.fingerprint})",
            "-v shows the traceback; please report it with the id",
        )


def said(error: BaseException) -> str:
    """An exception of somebody else's on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST]


def identity(kind: str, frames: "list[tuple[str, str]]") -> str:
    """Eight digits of the functions of ours that an exception came through: lines move,
    functions are short."""
    from hashlib import sha256

    here = __file__.rpartition("/")[0]
    ours = [f"{file.removeprefix(here)} {name}" for file, name in frames if file.startswith(here)]
    once = [one for one, before in zip(ours, ["", *ours], strict=False) if one != before]  # recursion is one
    return sha256("\n".join([kind, *once]).encode()).hexdigest()[:8]


def without_frames(error: ReconcileError) -> ReconcileError:
    """The error, without what was known where it was raised: that is all that was read of a host, kept in
    circles, which only Python's collector would ever find."""
    in_parts = (*getattr(error, "refusals", {}).values(), *getattr(error, "waiting", {}).values())
    for one in (error, error.__cause__, *getattr(error, "errors", ()), *in_parts):
        if one:
            one.__traceback__ = one.__context__ = None
    return error


def foreseen(error: BaseException) -> ReconcileError:
    """The error itself where it is one of ours, else one that wraps it."""
    return error if isinstance(error, ReconcileError) else Unforeseen(error)


def trace(error: ReconcileError) -> str:
    """The traceback of what nobody foresaw, where that is what it is about; "" of what we know."""
    if isinstance(error, FailedInPart):
        return "\n".join(filter(None, map(trace, (*error.refusals.values(), *error.waiting.values()))))
    return error.traceback or str(getattr(error.__cause__, "traceback", ""))


class FailedInPart(ReconcileError):
    """All is done but in these sandboxes, which are as they were, and for these projects, which wait."""

    id = "R0016"
    exit_code = 3

    def __init__(
        self,
        refusals: Mapping[str, ReconcileError],
        waiting: Mapping[str, ReconcileError],
        hint: str = "everything else is done",
    ):
        told = [f"{outcome(place)}: {error.message}" for place, error in refusals.items()]
        rest = [f"and {len(told) - LISTED} more sandboxes"] * (len(told) > LISTED)
        waits = [f"{projects(names)}: {why}" for why, names in by_reason(waiting).items()]
        first = next(iter(refusals.values()), None)
        where = first.where if first else None
        super().__init__("\n".join([*told[:LISTED], *rest, *waits]), hint, where=where)
        self.refusals, self.waiting = refusals, waiting


def outcome(place: str) -> str:
    """In words, what became of a sandbox, of a network that a plugin makes (/network:NAME), or of a container
    that an engine runs (/ENGINE/NAME)."""
    name = place.rpartition("/")[2]
    if place.startswith("/network:"):
        return f"network {name.partition(':')[2]} is left as it is"
    if "/" in place:
        return f"container {name} does not run as it should"
    return f"sandbox {name} is left as it is"


def by_reason(waiting: Mapping[str, ReconcileError]) -> dict[str, list[str]]:
    """The projects that wait for the same, by that in words."""
    found: dict[str, list[str]] = {}
    for name, error in waiting.items():
        found.setdefault(str(error), []).append(name)
    return found


def projects(names: "list[str]") -> str:
    if len(names) == 1:
        return f"project {names[0]} waits"
    return f"projects {', '.join(names[:LISTED])}" + " and more" * (len(names) > LISTED) + " wait"


def failed_in_part(
    refusals: Mapping[str, ReconcileError], waiting: Mapping[str, ReconcileError]
) -> FailedInPart | None:
    """None where nothing has failed."""
    return FailedInPart(refusals, waiting) if refusals or waiting else None
