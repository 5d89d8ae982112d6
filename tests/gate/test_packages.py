"""The wheel and the source package: made without a network, installed where nothing else is, and used."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from reconciler.cli import help
from reconciler.guests import cni, netavark
from reconciler.version import __version__

ROOT = Path(__file__).parents[2]
OURS = (".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis")
NAME = f"reconciler-{__version__}"
PAGES = ("man/man1/reconcile.1", "man/man5/reconcile.yaml.5", "man/man8/reconciler-cni.8")
FOLDERS = (*PAGES, "zsh/site-functions/_reconcile")
COPIES = (
    "reconciler/schemas/manifest.schema.json",
    "reconciler/systemd/reconciler.service",
    "reconciler/systemd/install",
)


def run(*words: object, at: Path = ROOT) -> str:
    environment = {
        name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")
    }
    done = subprocess.run([*map(str, words)], cwd=at, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{words}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both; the wheel is made from what the source package holds."""
    folder = tmp_path_factory.mktemp("packages")
    shutil.copytree(ROOT, folder / "tree", ignore=shutil.ignore_patterns(*OURS), symlinks=True)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, at=folder / "tree")
    return folder


@pytest.fixture(scope="module")
def environment(made: Path) -> Path:
    """A virtual environment with the wheel, and with what it imports from this one."""
    prefix = made / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", prefix)
    pip = (sys.executable, "-m", "pip", "--python", prefix / "bin/python", "install", "--quiet")
    run(*pip, "--no-index", "--find-links", made, "--no-deps", "reconciler")
    [packages] = prefix.glob("lib/python*/site-packages")
    (packages / "imported.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return prefix


def test_the_wheel_is_used_from_its_own_environment(environment: Path, tmp_path: Path) -> None:
    command = environment / "bin/reconcile"
    assert run(command, "--version", at=tmp_path) == f"reconcile {__version__}\n"
    example = environment / "share/doc/reconciler/examples/hello.yaml"
    assert run(command, "--validate", example, at=tmp_path).startswith("valid: 1 project")
    where = "import reconciler; print(reconciler.__file__)"
    assert run(environment / "bin/python", "-c", where, at=tmp_path).startswith(str(environment))


def test_units_pages_and_the_schema_are_where_they_belong(environment: Path, tmp_path: Path) -> None:
    share = environment / "share"
    assert [place for place in (*FOLDERS, *COPIES) if not (share / place).is_file()] == []
    for of in (ROOT / "systemd").iterdir():
        assert (share / "reconciler/systemd" / of.name).read_bytes() == of.read_bytes()
    schema = run(environment / "bin/reconcile", "--schema", at=tmp_path)
    assert (share / "reconciler/schemas/manifest.schema.json").read_text() == schema
    assert os.access(environment / "bin/reconciler-cni", os.X_OK)


def test_the_source_package_is_all_that_people_work_with(made: Path) -> None:
    with tarfile.open(made / f"{NAME}.tar.gz") as archive:
        names = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}
    wanted = {
        "check",
        "demo",
        ".ci/setup",
        "tests/conftest.py",
        "manifests/hello.yaml",
        "systemd/install",
        "LICENSE",
    }
    assert wanted <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith(".venv")]


def test_a_manual_page_tells_all_of_the_command_line(environment: Path) -> None:
    page = (environment / "share/man/man1/reconcile.1").read_text().replace("\\-", "-")
    for entries in (*help.modes().values(), *help.options().values()):
        for entry in entries:
            assert all(f"\\fB{spelling}\\fR" in page for spelling in entry.spellings)
            assert not entry.twin or f'.B "{entry.twin}"' in page


def test_what_runtimes_may_ask_has_a_page(environment: Path) -> None:
    page = (environment / "share/man/man8/reconciler-cni.8").read_text()
    for name, command in {**cni.COMMANDS, **netavark.COMMANDS}.items():
        assert f'.TP\n.B "{name}"\n{command.__doc__}\n'.replace("-", "\\-") in page


@pytest.mark.parametrize("place", PAGES)
@pytest.mark.skipif(not shutil.which("groff"), reason="no groff")
def test_manual_pages_are_sound(environment: Path, place: str) -> None:
    words = ["groff", "-man", "-Tutf8", "-ww", str(environment / "share" / place)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "" and "reconcile" in done.stdout
