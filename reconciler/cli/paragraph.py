"""What is said at length of an error and of a cost: `--explain` reads it where all do, in `docs/`."""

import re

from ..errors import UsageError

ID = re.compile(r"R[0-9]{3,5}|r[0-9]{4}")  # also a mistyped one
HEAD = re.compile(r"^### (R[0-9]{4}): (.*)\n\n", re.MULTILINE)  # of a paragraph
END = re.compile(r"^#", re.MULTILINE)  # another heading
LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]*)[^)\s]*\)")
COST = r"^\| `{}` \| (.*?) \| (.*?) \|$"  # a row of the table in `docs/networks.md`


def paragraphs() -> dict[str, str]:
    """Of each id, its title and what is said of it."""
    _, *parts = HEAD.split(page("errors.md"))
    return {
        ident: f"{ident}: {title}\n\n{END.split(said)[0].strip()}"
        for ident, title, said in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    }


def page(name: str) -> str:
    """Its text, for a terminal: with where its links lead in words."""
    from importlib.resources import files  # slow to import, and plans need none of it

    text = (files(__package__.partition(".")[0]) / "docs" / name).read_text("utf-8")
    return LINK.sub(r"\1 (docs/\2)", text)


def cost(word: str) -> str:
    """What running traffic loses, where a plan says `[flow]`."""
    found = re.search(COST.format(word), page("networks.md"), re.MULTILINE)
    assert found, word
    return f"{word}: running connections: {found[1]}\nfor example: {found[2]}"


def paragraph(ident: str) -> str:
    """Raises UsageError where no error is called so."""
    known = paragraphs()
    if (name := ident.upper()) not in known:
        raise UsageError(f"no error is called {ident}", f"there are {min(known)} to {max(known)}")
    return known[name]
