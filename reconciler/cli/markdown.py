"""A plan as a comment on a pull request, in the Markdown of GitHub and GitLab, never longer than one may be.

What others have named stands in fenced blocks, each line behind a sign, or in code of one line: none of it is
markup, calls anybody, or ends its block.  What is lost is told first, and left out last.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from ..core.plan import Step
from ..core.render import body, line, number, place, priced
from ..core.resource import DISRUPTIONS
from ..inventory.summary import COUNTED, DONE, EVERYBODY, ORDER, counted
from ..manifest.yaml.report import printable
from .story import Becoming, Story

MOST = 60_000  # bytes; GitHub takes 65,536 characters
LINES = 30_000  # of these, for what is not folded away,
NOTES = 6_000  # for warnings, and likewise for who waits,
CLOSING = 1_500  # for what tells of the rest, and for the frame of a fold
FOLD = 120
LONGEST = 240  # characters of a line
ROWS = 40  # of a text that changes
SIGNS = {"~": "!"}  # that a viewer of differences has a colour for


def page(
    story: Story, head: Mapping[str, str], notes: Mapping[str, Sequence[str]], seconds: float | None = None
) -> str:
    """The comment; `head` names host, commit and version, `notes` is what else is told, by title."""
    known = by_project(story.lines)
    shown = by_project(chosen(known))
    top = [*opening(story, head, seconds), *(part for title in notes for part in noted(title, notes[title]))]
    top += noted("Reachable", [row.strip() for row in story.reachable[1:]])
    sections = {project: section(project, shown[project], known[project]) for project in shown}
    room = MOST - CLOSING - size(top) - sum(map(size, sections.values()))
    folded = 0
    for project, parts in sections.items():
        steps = fitted(steps_told(story, shown[project]), room - FOLD)
        parts += fold(steps)
        room -= size(fold(steps))
        folded += len(steps)
    rest = [one for project in known if project not in shown for one in known[project]]
    bottom = closing(story, len(known) - len(shown), rest, folded)
    parts = [*top, *(part for parts in sections.values() for part in parts), *bottom]
    return "\n\n".join(parts + only(story) * (seconds is None)) + "\n"


def opening(story: Story, head: Mapping[str, str], seconds: float | None) -> list[str]:
    host = code(head["host"])
    if not story.todo:
        title = f"Plan for {host}: nothing to do"
    elif seconds is None:
        title = f"Plan for {host}: {counts(story.lines)}"
    else:
        title = f"Done on {host}: {counts(story.lines, DONE)} in {seconds:.2f} s"
    commit = f" · commit {code(head['commit'])}" * bool(head["commit"])
    traffic = f"Running traffic: **{story.todo.disruption}** · plan {code(story.todo.digest)}"
    return [f"### {title}", f"{traffic}{commit} · reconcile {code(head['version'])}"]


def noted(title: str, sentences: Sequence[str]) -> list[str]:
    """What else there is to know, as far as there is room."""
    if not sentences:
        return []
    texts = ("\n".join(f"! {plain(row)}" for row in one.splitlines()) for one in sentences)
    shown = fitted(texts, NOTES)
    more = f"and {len(sentences) - len(shown)} more"
    return [f"**{title}: {len(sentences)}**", fenced(shown), *[more] * (len(shown) < len(sentences))]


def by_project(lines: Iterable[Becoming]) -> dict[str, list[Becoming]]:
    """Those that lose something first, what all share last."""
    found: dict[str, list[Becoming]] = {}
    for one in lines:
        found.setdefault(one.subject.project, []).append(one)
    ranks = {project: min(ORDER.index(one.op) for one in those) for project, those in found.items()}
    order = sorted(found, key=lambda project: (project == EVERYBODY, ranks[project], project))
    return {project: found[project] for project in order}


def chosen(known: Mapping[str, list[Becoming]]) -> list[Becoming]:
    """The lines that there is room for: removals come before all else, and then what costs most."""
    lines, room, projects, kept = [one for those in known.values() for one in those], LINES, set(), set()
    for one in sorted(lines, key=urgency):
        project = one.subject.project
        room -= len(row(one).encode()) + 1
        room -= size(section(project, [], known[project])) if project not in projects else 0
        if room < 0:
            break
        projects.add(project)
        kept.add(one.subject)
    return [one for one in lines if one.subject in kept]


def urgency(one: Becoming) -> tuple[int, int]:
    return ORDER.index(one.op), -DISRUPTIONS.index(one.cost)


def section(project: str, shown: Sequence[Becoming], known: Sequence[Becoming]) -> list[str]:
    """One project, and how much of it is not told."""
    seen = {one.subject for one in shown}
    rest = [one for one in known if one.subject not in seen]
    more = [f"and {counts(rest)}: see `-o wide`"] if rest else []
    return [f"#### {code(project)}: {counts(known)}", fenced(map(row, shown)), *more]


def row(one: Becoming) -> str:
    return signed(one.op, one.text, priced(one.cost, one.place))


def steps_told(story: Story, lines: Iterable[Becoming]) -> Iterator[str]:
    """Every step, the first of a container or network below its name."""
    for one in lines:
        title = f"@@ {plain(f'{one.subject.kind} {one.subject.name}'.rstrip())} @@\n"
        for step in story.groups.steps[one.subject]:
            yield title + step_told(step)
            title = ""


def step_told(step: Step) -> str:
    """With what changes in a text, whose lines keep their sign before all else."""
    rows = list(islice(body(step), ROWS + 1))
    changed = [f"{text[4:5]}   {plain(text[5:])}" for text in rows[:ROWS]]
    changed += ["    ..."] * (len(rows) > ROWS)
    first = signed(step.op, line(step), priced(step.disruption, place(step.resource)))
    return "\n".join([first, *changed])


def signed(op: str, text: str, end: str) -> str:
    """A line, of which the end is told whole."""
    whole = plain(end, LONGEST // 2)
    words = text.removeprefix(op).removesuffix(end)
    return SIGNS.get(op, op) + plain(words, LONGEST - len(whole)) + whole


def fold(steps: Sequence[str]) -> list[str]:
    title = f"<details><summary>{number(len(steps), 'step')}</summary>"
    return [title, fenced(steps), "</details>"] if steps else []


def closing(story: Story, projects: int, rest: Sequence[Becoming], folded: int) -> list[str]:
    """What does not fit, counted."""
    parts = [f"and {number(projects, 'project')} more: {counts(rest)}"] if rest else []
    if folded < len(story.todo):
        left_out = f"{len(story.todo) - folded} of {number(len(story.todo), 'step')} are not shown"
        parts.append(f"{left_out}: `reconcile --plan -o wide` tells all")
    return parts


def only(story: Story) -> list[str]:
    return [f"`reconcile --apply --only {story.todo.digest}` does exactly this."] if story.todo else []


def counts(lines: Iterable[Becoming], words: dict[str, str] = COUNTED) -> str:
    return counted(((one.op, one.subject.kind) for one in lines), words, ORDER)


def fitted(texts: Iterable[str], room: int) -> list[str]:
    """The first of them, as many as there is room for."""
    found = []
    for text in texts:
        room -= len(text.encode()) + 1
        if room < 0:
            break
        found.append(text)
    return found


def size(parts: Iterable[str]) -> int:
    """In bytes, with the empty lines between."""
    return sum(len(part.encode()) + 2 for part in parts)


def fenced(rows: Iterable[str]) -> str:
    """Nothing in it can end it: each row has a sign before it that is none of a fence's, or four blanks."""
    return "\n".join(["```diff", *rows, "```"])


def code(text: str) -> str:
    """What others have named, in one line of our own."""
    return f"`{plain(text).replace('`', chr(39)) or ' '}`"


def plain(text: str, most: int = LONGEST) -> str:
    """One line, without what no reader would see, and not too much of it."""
    text = text.expandtabs(8)
    return printable(text if len(text) <= most else text[: most - 1] + "…")
