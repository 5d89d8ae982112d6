"""What the tools say of the code: nothing.  They come with the `test` extra, and what they know is kept."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import reconciler

ROOT = Path(__file__).parents[2]
BIN = Path(sys.prefix) / "bin"  # of the virtual environment
SHEBANG = re.compile(rb"#!.*\bsh\b|# shellcheck shell=")


def passes(tool: str, *arguments: object, at: Path = ROOT) -> None:
    done = subprocess.run([BIN / tool, *map(str, arguments)], cwd=at, capture_output=True, text=True)
    assert done.returncode == 0, f"{tool} {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}"


def typed(name: str, *arguments: object, at: Path = ROOT) -> None:
    """Settings that differ would spoil each other's cache: a folder for each."""
    passes("mypy", f"--cache-dir={ROOT}/.mypy_cache/{name}", "--no-error-summary", *arguments, at=at)


def scripts() -> Iterator[Path]:
    """In the project's root and the folders below that are ours."""
    for folder in (ROOT, *(ROOT / name for name in (".ci", "systemd", "tests"))):
        for path in sorted(folder.iterdir() if folder == ROOT else folder.rglob("*")):
            if path.is_file() and not path.suffix and SHEBANG.match(path.read_bytes()[:99]):
                yield path


def test_ruff_has_nothing_to_say() -> None:
    passes("ruff", "check", "--output-format=concise", ".")


def test_all_is_laid_out_by_ruff() -> None:
    passes("ruff", "format", "--check", ".")


def test_the_package_is_strictly_typed() -> None:
    typed("package", "--strict", "reconciler")


def test_what_makes_packages_is_strictly_typed() -> None:
    typed("packages", "--strict", "--follow-imports=silent", ".ci/package")


def test_the_tests_are_typed_as_far_as_they_say_types() -> None:
    typed("tests", "--follow-imports=silent", "tests")


def test_the_example_of_the_library_is_typed_from_outside(tmp_path: Path) -> None:
    """As a program of somebody else's sees it; a name that the library has not is a mistake."""
    example = dedent(re.split(r"\n\n", reconciler.__doc__ or "", maxsplit=2)[2])
    assert example.startswith("from reconciler import ")
    (tmp_path / "example.py").write_text(f"{example}\nreconciled: int = change.present\n")
    (tmp_path / "mypy.ini").write_text(
        f"[mypy]\nstrict = true\nmypy_path = {ROOT}\nfollow_imports = silent\n"
    )
    typed("example", "example.py", at=tmp_path)
    (tmp_path / "wrong.py").write_text("from reconciler import nonsense  # type: ignore[attr-defined]\n")
    typed("example", "wrong.py", at=tmp_path)


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "reconciler/py.typed").exists()
    assert 'reconciler = ["py.typed",' in (ROOT / "pyproject.toml").read_text()


def test_shellcheck_has_nothing_to_say() -> None:
    found = list(scripts())
    assert {"check", "demo", "setup", "run", "install", "deb", "postinst"} <= {path.name for path in found}
    passes("shellcheck", "--external-sources", *found)
