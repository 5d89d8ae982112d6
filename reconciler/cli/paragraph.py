"""What is said at length of an error: `--explain R0123` reads it where all do, in `docs/errors.md`."""

import re

from ..errors import UsageError

ID = re.compile(r"R[0-9]{3,5}|r[0-9]{4}")  # also a mistyped one
HEAD = re.compile(r"^### (R[0-9]{4}): (.*)\n\n", re.MULTILINE)  # of a paragraph
END = re.compile(r"^#", re.MULTILINE)  # another heading


def paragraphs() -> dict[str, str]:
    """Of each id, its title and what is said of it."""
    from importlib.resources import files  # slow to import, and plans need none of it

    text = (files(__package__.partition(".")[0]) / "docs" / "errors.md").read_text("utf-8")
    _, *parts = HEAD.split(text)
    return {
        ident: f"{ident}: {title}\n\n{END.split(said)[0].strip()}"
        for ident, title, said in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    }


def paragraph(ident: str) -> str:
    """Raises UsageError where no error is called so."""
    known = paragraphs()
    if (name := ident.upper()) not in known:
        raise UsageError(f"no error is called {ident}", f"there are {min(known)} to {max(known)}")
    return known[name]
