"""The documentation as its tests read it: pages, what is fenced in them, and where they lead.

A block of `sh` is commands; one of `console` is commands behind `$ ` with what they say; one of another
language with a name behind that is a file.  `<!-- given: COMMANDS -->` is what a reader has and need not
see, `<!-- not run: WHY -->` stands above a block that no test of this tier can run.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "reconciler" / "docs"
FENCED = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]*?) -->\n\n?)?```(?P<language>\w+)(?: (?P<name>\S+))?\n"
    r"(?P<text>.*?)^```$|^<!-- given: (?P<given>.*?) -->$",
    re.MULTILINE | re.DOTALL,
)
GIVEN = "given"
COMMANDS = ("sh", "console")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """What stands between two fences, and in which line of the page it begins."""

    language: str
    name: str
    text: str
    why: str
    line: int

    @property
    def runs(self) -> bool:
        return self.language in (*COMMANDS, GIVEN) and not self.why


class Exchange(NamedTuple):
    """A command, and what it says."""

    command: str
    said: str

    def __str__(self) -> str:
        return "$ " + self.command.replace("\n", "\n> ") + f"\n{self.said}"


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def written() -> list[Path]:
    """All that leads from one to another."""
    return [*pages(), ROOT / "reconciler" / "README.md", ROOT / "tests" / "README.md"]


def blocks(text: str) -> Iterator[Block]:
    for found in FENCED.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        language, said = found["language"] or GIVEN, found["text"] or found["given"]
        yield Block(language, found["name"] or "", said, found["why"] or "", line)


def exchanges(text: str) -> list[Exchange]:
    """Of a `console` block; `> ` goes on with a command."""
    found: list[Exchange] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append(Exchange(line[2:].rstrip("\n"), ""))
        elif line.startswith("> ") and not found[-1].said:
            found[-1] = Exchange(f"{found[-1].command}\n{line[2:].rstrip()}", "")
        else:
            found[-1] = found[-1]._replace(said=found[-1].said + line)
    return found


def anchors(text: str) -> set[str]:
    """Of a page's headings, as GitHub makes them."""
    bare = FENCED.sub("", text)
    heads = re.findall(r"^#+ (.*)$", bare, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def count() -> str:
    """In words, how much of it runs."""
    found = [(page, one) for page in pages() for one in blocks(page.read_text()) if one.language in COMMANDS]
    idle = [f"  {page.relative_to(ROOT)}:{one.line}: {one.why}" for page, one in found if one.why]
    told = f"documentation: {len(found)} blocks of commands, {len(idle)} of them not run here"
    return "\n".join([told + ":" * bool(idle), *idle])


if __name__ == "__main__":
    print(count())
