"""Writes what is made of the command line and the schema: `python3 .ci/package/share.py FOLDER`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def write(folder: Path) -> None:
    """Man pages and completions, each at its place below share/."""
    sys.path[:0] = [str(HERE), str(ROOT)]
    from completion import completions
    from manual import pages

    for place, text in {**pages(), **completions()}.items():
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
