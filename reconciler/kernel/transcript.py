"""What the system was asked while a plan was made, and what it answered: where all answers are the same
again, so is the plan, since nothing else goes into it.

Every function of this package that looks at the system says so here, while somebody notes it; what it cannot
ask twice alike (another program, the clock), it doubts.  `again.py` asks again.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

Part = bytes | str | int
Span = tuple[int, int]
Answer = list[bytes] | int  # or the errno of a refusal
HOST_PLACE = ""
HERE: ContextVar[str] = ContextVar(
    "here", default=HOST_PLACE
)  # the sandbox that the thread is in, or the host
# No name of a sandbox has a slash: the ruleset, which one number tells apart, what concerns every place, and
# what an engine runs, as /ENGINE/NAME.
RULESET, EVERYWHERE = "/ruleset", "/everywhere"


def engine_of(place: str) -> str:
    """Whose place it is; "" of one that is no engine's."""
    parts = place.split("/")
    return parts[1] if len(parts) > 2 else ""


class Question(NamedTuple):
    """How the system was asked (a function of `again.py`), and about what."""

    how: str
    about: tuple[Part, ...]


class Pattern(NamedTuple):
    """Of answers: the sizes of their parts (a refusal's errno is below 0), and what is blanked of these where
    they stand one behind the other."""

    sizes: tuple[int, ...]
    blanks: tuple[Span, ...]


class Known(NamedTuple):
    """What is kept of answers, to recognise them by."""

    pattern: Pattern
    digest: bytes


class Transcript:
    """Answers by place and question, the newest of each: as they came, or what is `known` of them."""

    def __init__(self) -> None:
        self.answers: dict[str, dict[Question, Answer]] = {}
        self.known: dict[str, dict[Question, Known]] = {}
        self.doubtful: set[str] = set()  # places that have to be looked at every time
        self.generations: set[int] = set()  # of the ruleset, when it was asked

    def note(self, place: str, question: Question, answer: Answer) -> None:
        self.answers.setdefault(place, {})[question] = answer

    @property
    def places(self) -> list[str]:
        return list(self.known | self.answers)

    def forget(self, places: Collection[str]) -> None:
        """What is asked of these places from here on is all that counts."""
        for place in places:
            self.answers.pop(place, None)
            self.known.pop(place, None)
            self.doubtful.discard(place)
        if RULESET in places:
            self.generations.clear()

    @property
    def generation(self) -> int | None:
        """The ruleset's, if all that was asked of it was of one."""
        return next(iter(self.generations)) if len(self.generations) == 1 else None


NOTED: ContextVar[Transcript | None] = ContextVar("noted", default=None)


@contextmanager
def noting(transcript: Transcript) -> Iterator[None]:
    """Note whatever this thread asks meanwhile."""
    token = NOTED.set(transcript)
    try:
        yield
    finally:
        NOTED.reset(token)


def note(how: str, about: tuple[Part, ...], answer: Answer, place: str | None = None) -> None:
    """An answer; `place` is what it is about, if not where the thread is."""
    if transcript := NOTED.get():
        transcript.note(HERE.get() if place is None else place, Question(how, about), answer)


def note_generation(number: int) -> None:
    """The ruleset's, while it was asked all that was noted since the last one."""
    if transcript := NOTED.get():
        transcript.generations.add(number)


def note_advance(number: int) -> None:
    """The ruleset's generation behind a change of ours, as which it need not be asked anew."""
    if transcript := NOTED.get():
        transcript.generations = {number}


def doubt(place: str | None = None) -> None:
    """What was read of this place can change though every answer is the same."""
    if transcript := NOTED.get():
        transcript.doubtful.add(HERE.get() if place is None else place)
