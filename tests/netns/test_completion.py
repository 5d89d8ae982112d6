"""What Tab offers in bash, zsh and fish: asked of the shells themselves."""

import os
import pty
import select
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli import help
from tests.netns.lab import Lab

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0  # seconds that a shell may take to do anything
QUICK = 0.05  # seconds that a Tab may take beside the shell's own
# /sys tells of the host that it was mounted on.
HERE = ("unshare", "-m", "sh", "-ec", 'mount -t sysfs sysfs /sys; exec "$@"', "sh")
BASH = """
source "$0/bash-completion/completions/reconcile"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_reconcile
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, privileged: None) -> Path:
    made = tmp_path_factory.mktemp("share")
    subprocess.run([sys.executable, ROOT / ".ci/package/share.py", made], check=True)
    return made


def bash(folder: Path, line: str) -> set[str]:
    words = [*HERE, "bash", "--norc", "-c", BASH, folder, *line.split(" ")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "bash:" not in done.stderr
    return {*done.stdout.split()}


def fish(folder: Path, line: str) -> set[str]:
    source = f"source {folder}/fish/vendor_completions.d/reconcile.fish"
    words = [*HERE, "fish", "--no-config", "-c", f"{source}; complete -C '{line}'"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return {row.partition("\t")[0] for row in done.stdout.splitlines()}


def zsh(folder: Path, line: str) -> set[str]:
    """Completes only where somebody types: at a terminal, whose screen is read."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="dumb", PS1="", COLUMNS="200", HOME=str(folder))
        os.execlp(HERE[0], *HERE, "zsh", "-f", "-i")
    begin = f"fpath=({folder}/zsh/site-functions $fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=999"
    os.write(terminal, f"{begin}; unsetopt automenu; stty -echo cols 200; PS1=rea''dy\n".encode())
    until(terminal, "ready")  # its own editor reads from now on, and no more the terminal's
    os.write(terminal, f"{line}\t\t\x15echo do''ne\n".encode())  # the line is emptied, and all was shown
    screen = until(terminal, "done")
    os.close(terminal)
    os.waitpid(child, 0)
    return {*screen.replace("\a", "").split()}


def until(terminal: int, word: str) -> str:
    """What appears, up to the word."""
    screen = ""
    while word not in screen:
        assert select.select([terminal], [], [], PATIENCE)[0], screen
        screen += os.read(terminal, 65536).decode(errors="replace")
    return screen


Shell = Callable[[Path, str], set[str]]
SHELLS = [
    pytest.param(one, marks=pytest.mark.skipif(not shutil.which(name), reason=f"no {name}"), id=name)
    for name, one in {"bash": bash, "zsh": zsh, "fish": fish}.items()
]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "offered", "withheld"),
    [
        ("reconcile --max-", {"--max-removals", "--max-disruption"}, {"--plan"}),
        ("reconcile --re", {"--rehearse", "--resolve", "--resume"}, {"--plan"}),
        ("reconcile --plan --s", {"--scale", "--strict", "--state-dir"}, {"--status", "--show", "--suspend"}),
        ("reconcile --runtime ", {"none", "podman", "oci", "systemd"}, {"--plan"}),
        ("reconcile -o q", {"quadlet"}, set()),
    ],
)
def test_options_and_what_they_take(
    folder: Path, shell: Shell, line: str, offered: set[str], withheld: set[str]
) -> None:
    words = shell(folder, line)
    if len(offered) == 1:  # the line itself goes on
        assert any(word.endswith(one) or one.endswith(word) for one in offered for word in words), words
    else:
        assert offered <= words, words
    assert not withheld & words


def test_every_option_is_offered(folder: Path) -> None:
    words = bash(folder, "reconcile -")
    groups = (*help.modes().values(), *help.options().values())
    assert {spelling for group in groups for entry in group for spelling in entry.spellings} <= words


@pytest.mark.parametrize("line", ["reconcile --runtime = s", "reconcile --runtime s"])
def test_values_stand_behind_an_equals_sign_too(folder: Path, line: str) -> None:
    assert bash(folder, line) == {"systemd"}


def test_a_path_is_offered_where_no_option_is_meant(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").touch()
    assert bash(folder, f"reconcile --plan {tmp_path}/sh") == {f"{tmp_path}/shop.yaml"}


@pytest.mark.parametrize("shell", SHELLS)
def test_what_stands_is_offered(folder: Path, shell: Shell, lab: Lab) -> None:
    text = "name: NAME\nnetworks: {lan: {}}\ncontainers: {web: {networks: [lan]}, db: {networks: [lan]}}\n"
    for name in ("shop", "mail"):
        lab.succeed(lab.reconcile("--apply", lab.write(text.replace("NAME", name), f"{name}/{name}.yaml")))
    assert {"shop", "mail"} <= shell(folder, "reconcile --destroy --project ")
    assert {"shop-web", "shop-db", "mail-web", "mail-db"} <= shell(folder, "reconcile --logs ")
    assert {"shop_lan", "mail_lan", "shop-web"} <= shell(folder, "reconcile --explain ")


@pytest.mark.parametrize("shell", SHELLS)
def test_an_alias_is_not_run(folder: Path, shell: Shell, lab: Lab) -> None:
    """Root of a sandbox may leave one on a link that goes back to the host when the sandbox ends."""
    hostile = "$(printf${IFS}%s-%s${IFS}this${IFS}ran)"
    for number, alias in enumerate((f"{hostile}/web", f"shop/{hostile}", f"shop/{hostile}/eth0")):
        lab.ip(f"link add odd{number} type veth peer name other{number}")
        lab.run(["ip", "link", "set", f"odd{number}", "alias", f"reconciler/{alias}"])
    for option in ("--project", "--logs", "--explain"):
        offered = shell(folder, f"reconcile {option} ")
        assert not [word for word in offered if "this-ran" in word or "printf" in word]


def test_a_tab_takes_no_time(folder: Path, lab: Lab) -> None:
    boxes = ", ".join(f"c{n}: {{networks: [lan]}}" for n in range(200))
    lab.succeed(
        lab.reconcile("--apply", lab.write(f"name: shop\nnetworks: {{lan: {{}}}}\ncontainers: {{{boxes}}}\n"))
    )
    assert len(bash(folder, "reconcile --logs ")) == 200
    best = {line: min(spent(folder, line) for _ in range(5)) for line in ("x", "reconcile --logs ")}
    assert best["reconcile --logs "] - best["x"] < QUICK, best


def spent(folder: Path, line: str) -> float:
    """Processor time, whoever else is busy."""
    before = os.times()
    bash(folder, line)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system
