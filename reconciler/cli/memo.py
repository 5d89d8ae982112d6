"""What a command said that found nothing to do, to say it again while all that it came from is the same.

A plan follows from the words of the command, its folder and environment, the program, the manifests, and
what the system answers: all of it is asked for again, and nothing is parsed.  Each command has a file,
root's, that may be deleted.  It is marshal's, by far the fastest, behind a digest, and of the same Python as
it is read by.
"""

import marshal
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from .. import disk
from ..manifest.repository import names
from ..manifest.store import stamp
from ..paths import CACHE, MEMOS

if TYPE_CHECKING:
    from ..kernel.transcript import Transcript
    from .options import Options

Said = list[tuple[bool, str]]  # whether on standard error, and what
Origin = Mapping[str, Any]  # of the manifests: the digests of texts, and names in folders
OF_COMMITS = ("json", "markdown")  # which change while manifests do not
ITS_PLACE = "\0"  # in a path, where the name of the place stands


def recalled(words: tuple[str, ...]) -> Said | None:
    """What this command said, if it would say the same now; None where that cannot be told."""
    with suppress(Exception):  # whatever it is, there is the long way
        program, paths, folders, origin, host, said = unsealed(disk.read(file(words), disk.LARGE))
        ours = program == stamp.program() and folders == called(paths)
        if ours and stamp.stands(origin, paths) and stands(*host):
            return list(said)
    return None


def file(words: tuple[str, ...]) -> str:
    what = words, os.getcwd(), os.geteuid(), stamp.environment(os.environ)
    return f"{MEMOS}/{sha256(repr(what).encode()).hexdigest()[:32]}"


def called(paths: Iterable[str]) -> list[tuple[str, ...]]:
    """What the folders of the manifests are called: another remote of git's is another one."""
    return [names(os.path.abspath(path)) for path in paths]


def stands(places: list[tuple[str, Any, Any]], generation: int | None, home: bytes) -> bool:
    """Whether the host answers as it did."""
    from ..kernel.again import Asker, namespace  # which no other command need pay for
    from ..kernel.transcript import RULESET, Transcript

    ruleset = Transcript()
    ruleset.generations = {generation} if generation is not None and home == namespace() != b"" else set()
    with Asker() as asker:
        for place, questions, known in places:
            asked = [([(how, renamed(about, ITS_PLACE, place)) for how, about in questions], known)]
            if not (asker.same_ruleset(ruleset, asked) if place == RULESET else asker.alike(place, asked)):
                return False
    return True


def renamed(about: tuple[Any, ...], old: str, new: str) -> tuple[Any, ...]:
    """What is asked about, with another name of the place in its paths."""
    return tuple(part.replace(old, new) if isinstance(part, str) else part for part in about)


def origin(options: "Options") -> Origin:
    """Where the manifests of a plan come from that may be remembered; nothing of any other."""
    from ..drivers import BUILT_IN, DRIVERS
    from ..manifest.store import cache
    from .options import misnamed_twins

    unlike = (
        options.no_memo
        or options.against
        or options.out
        or options.graph
        or options.stdin
        or [*misnamed_twins()]
    )
    if unlike or "-" in options.paths or (options.output in OF_COMMITS and is_in_git(options.sources)):
        return {}
    asked = cache.Asked(options.sources, options.projects, os.environ, DRIVERS)
    found = cache.origin(CACHE, asked)
    return found if {*found.get("drivers", ())} <= {*BUILT_IN} else {}


def is_in_git(paths: Iterable[str]) -> bool:
    from ..safety.git import trees

    return any(trees(paths))


def keep(options: "Options", transcript: "Transcript", origin: Origin, said: Said) -> None:
    """Remember it where that is possible."""
    from ..kernel.again import namespace
    from ..manifest.store.cache import prune

    if transcript.doubtful or not origin:
        return
    host = list(noted(transcript)), transcript.generation, namespace()
    kept = {name: origin[name] for name in ("texts", "names", "absent")}
    body = marshal.dumps((stamp.program(), options.sources, called(options.sources), kept, host, said))
    with suppress(OSError):
        os.makedirs(MEMOS, mode=0o700, exist_ok=True)
        disk.write(file(options.words), sha256(body).digest() + body)
        prune(MEMOS)


def unsealed(data: bytes) -> Any:
    """Raises ValueError for what is not as it was written."""
    if sha256(data[32:]).digest() != data[:32]:
        raise ValueError("half a memo")
    return marshal.loads(data[32:])


def noted(transcript: "Transcript") -> Iterator[tuple[str, Any, Any]]:
    """What is known of each place.  What is alike in many is one value, which marshal writes once."""
    from ..kernel.again import known

    alike: dict[Any, Any] = {}
    for place, asked in transcript.answers.items():
        (sizes, blanks), digest = known(asked)
        pattern, name = (sizes, blanks), place or ITS_PLACE
        questions = [(how, renamed(about, name, ITS_PLACE)) for how, about in asked]
        yield (
            place,
            [alike.setdefault(one, one) for one in questions],
            (alike.setdefault(pattern, pattern), digest),
        )
