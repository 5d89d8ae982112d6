"""Slips: a name that nothing has, a destroy that was not meant, a file that is not its whole project."""

import os
import pty
import re
import signal
import subprocess
from pathlib import Path

import pytest

from reconciler.kinds.resolver import PIDS
from tests.netns.lab import ENVIRONMENT, Lab, Result, command
from tests.netns.samples import WEB

UNNAMED = "networks: {n: {}}\ncontainers: {%s: {networks: [n]}}\n"


def at_terminal(answer: str, *words: object) -> Result:
    """The command with a person at its terminal, who answers what is asked."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(command(*words), stdin=theirs, stdout=theirs, stderr=theirs, env=ENVIRONMENT)
    os.close(theirs)
    said = heard(ours, "[y/N] ")
    if said.endswith("[y/N] "):
        os.write(ours, answer.encode())
        said += heard(ours, "")
    os.close(ours)
    return Result(running.wait(30), said.replace("\r\n", "\n"), "")


def heard(terminal: int, until: str) -> str:
    """What is written there, up to these words or its end."""
    said = ""
    while not until or not said.endswith(until):
        try:
            said += os.read(terminal, 4096).decode()
        except OSError:  # nobody has the other end any more
            break
    return said


@pytest.mark.parametrize("answer", ["\n", "n\n", "no\n", "x\n", "\x04"])
def test_destroy_asks_at_a_terminal_and_shows_what_goes(lab: Lab, answer: str) -> None:
    lab.apply(WEB)
    before = lab.snapshot()
    said = at_terminal(answer, "--destroy", "--project", "t")
    assert said.rc == 1 and "- container t-web" in said.out and "\nerror: nothing is removed" in said.out
    assert lab.snapshot() == before


@pytest.mark.parametrize("answer", ["y\n", "Yes\n"])
def test_destroy_goes_on_where_the_answer_is_yes(lab: Lab, answer: str) -> None:
    lab.apply(WEB)
    assert at_terminal(answer, "--destroy", lab.files / "t.yaml").rc == 0
    assert lab.reconcile("--status").out == "nothing stands\n"


def test_destroy_asks_nobody_with_yes(lab: Lab) -> None:
    lab.apply(WEB)
    said = at_terminal("", "--destroy", "--yes", "--project", "t")
    assert said.rc == 0 and "[y/N]" not in said.out
    assert "Nothing to do" in at_terminal("", "--destroy", lab.files / "t.yaml").out


def test_what_moved_since_the_question_is_not_removed(lab: Lab) -> None:
    lab.apply(WEB)
    ours, theirs = pty.openpty()
    words = command("--destroy", "--project", "t")
    running = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=ENVIRONMENT)
    os.close(theirs)
    heard(ours, "[y/N] ")
    lab.apply(WEB.replace("web:", "other:"))
    os.write(ours, b"y\n")
    assert "something moved since" in heard(ours, "") and running.wait(30) == 1
    os.close(ours)


@pytest.mark.parametrize("mode", ["--destroy", "--status"])
@pytest.mark.parametrize(("name", "hint"), [("shpo", "did you mean `shop`?"), ("r", "there are: shop")])
def test_a_project_that_nothing_is_of(lab: Lab, mode: str, name: str, hint: str) -> None:
    lab.apply(WEB.replace("name: t", "name: shop"))
    said = lab.reconcile(mode, "--project", name)
    assert (said.rc, said.out) == (64, "")
    assert said.err == f"error: no project {name} stands here\n  hint: {hint}\n"


def test_status_tells_of_the_project_that_was_asked_for(lab: Lab) -> None:
    lab.apply(WEB)
    lab.succeed(lab.reconcile("--apply", lab.write(UNNAMED % "a", "other/a.yaml")))
    whole, part = lab.reconcile("--status").out, lab.reconcile("--status", "--project", "other").out
    assert "t: 1 network" in whole and "other: 1 network" in whole
    assert "t: " not in part and "other: 1 network" in part


def test_status_tells_of_no_resolver_of_what_is_yet_to_come(lab: Lab) -> None:
    file = lab.write("{name: t, networks: {a: {}, b: {}}, containers: {c: {networks: [a, b]}}}")
    assert "names by" not in lab.reconcile("--status", file).out
    assert lab.reconcile("--status", "-o", "json", file).json["resolvers"] == []
    lab.succeed(lab.reconcile("--apply", file))
    for pid in Path(PIDS, "host").iterdir():
        os.kill(int(pid.read_text()), signal.SIGKILL)
    assert "; t_a+t_b does not run" in lab.reconcile("--status", file).out


@pytest.mark.parametrize("mode", ["--plan", "--show", "--apply", "--validate"])
def test_a_project_that_no_manifest_is_of(lab: Lab, mode: str) -> None:
    said = lab.reconcile(mode, "--project", "tt", lab.write(WEB.replace("name: t", "name: ttt")))
    assert said.rc == 65 and "no project is named tt" in said.err and "did you mean `ttt`?" in said.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--logs", "t-wbe"), "did you mean `t-web`?"),
        (("--exec", "t-wbe", "--", "true"), "did you mean `t-web`?"),
        (("--explain", "t-wbe", "/run/lab/t.yaml"), "did you mean 't-web'"),
    ],
)
def test_a_container_that_nobody_has(lab: Lab, words: tuple[str, ...], hint: str) -> None:
    lab.apply(WEB)
    said = lab.reconcile(*words)
    assert said.rc == 64 and hint in said.err


def test_a_bare_sandbox_goes_by_the_name_of_its_service(lab: Lab) -> None:
    lab.apply(
        "{name: t, services: {web: {}, pair: {deploy: {replicas: 2}}}, networks: {default: {dns: off}}}"
    )
    for name in ("web", "web-1", "t-web-1"):
        said = lab.succeed(
            lab.reconcile("--exec", name, "--", "ip", "-4", "-brief", "address", "show", "eth0")
        )
        assert said.out.startswith("eth0@")
    both = lab.reconcile("--exec", "pair", "--", "true")
    assert both.rc == 64 and "'pair' may be t-pair-1, t-pair-2" in both.err
    idle = lab.reconcile("--logs", "web")
    assert idle.rc == 64 and "nothing runs in t-web-1" in idle.err


def test_what_a_container_is_to_run_is_no_path(lab: Lab) -> None:
    lab.apply("{name: t, services: {web: {}}, networks: {default: {dns: off}}}")
    said = lab.run([*command("--exec", "web"), "--", "cat", "-"], input="told\n")
    assert (said.rc, said.out) == (0, "told\n")
    for words in (("--", "test", "-z", ""), ("--", "ls"), ("ls",)):
        lab.succeed(lab.reconcile("--exec", "web", *words))


@pytest.mark.parametrize("words", ["--exec web -- true", "--logs web"])
def test_who_may_not_look_is_told_so(lab: Lab, words: str) -> None:
    lab.apply("{name: t, services: {web: {}}, networks: {default: {dns: off}}}")
    said = lab.run(["unshare", "-U", *command(*words.split())], check=False)
    assert said.rc == 77 and "looking at what stands: Operation not permitted" in said.err


def test_a_name_where_a_path_stands(lab: Lab) -> None:
    said = lab.reconcile("--status", "shop")
    assert said.rc == 65 and "--project NAME is a project" in said.err


def test_images_that_nothing_runs(lab: Lab) -> None:
    """Who comes from Compose expects that they run; a line of the manifest says that they need not."""
    file = lab.write("{name: t, services: {web: {image: nginx}}}")
    assert (
        "1 container has an image and nothing runs it: --runtime podman" in lab.reconcile("--apply", file).err
    )
    assert lab.reconcile("--plan", file).err == "" == lab.reconcile("--apply", "-q", file).err
    assert lab.apply("{name: t, runtime: none, services: {web: {image: nginx}}}").err == ""


def test_a_file_beside_another_of_its_project(lab: Lab) -> None:
    """Two files without a name in one folder are one project: who names one of them loses the other."""
    one = lab.write(UNNAMED % "one", "shop/one.yaml")
    two = lab.write((UNNAMED % "two").replace("n: {}", "m: {}").replace("[n]", "[m]"), "shop/two.yaml")
    lab.succeed(lab.reconcile("--apply", one))
    words = (
        "warning: /run/lab/shop/one.yaml is of project shop as well, and is not named: what it declares goes"
    )
    for said in (lab.reconcile("--plan", two), lab.reconcile("--plan", "--no-memo", two)):
        assert said.rc == 0 and words in said.err and "give each file a `name:` of its own" in said.err
    assert lab.reconcile("--plan", one.parent).err == ""
    assert words in lab.succeed(lab.reconcile("--apply", two)).err


def test_what_is_held_tells_the_command_that_accepts_it(lab: Lab) -> None:
    folder = Path("/run/lab/all")
    for name in "abc":
        lab.write(f"name: p{name}\n{UNNAMED % 'web'}", f"all/{name}.yaml")
    lab.succeed(lab.reconcile("--apply", folder))
    for name in "ab":
        (folder / f"{name}.yaml").unlink()
    said = lab.reconcile("--apply", "--max-removals", "50%", folder)
    found = re.search("`(reconcile .*?)` accepts it", said.err)
    assert said.rc == 3 and found
    lab.succeed(lab.reconcile(*found[1].split()[1:]))
    assert (
        lab.reconcile("--status").out.startswith("pc: 1 network") and lab.reconcile("--plan", folder).rc == 0
    )


def test_how_to_begin(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.files.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(lab.files)
    for mode in ("--plan", "--apply", "--show", "--validate", "--rehearse"):
        said = lab.reconcile(mode)
        assert said.rc == 64 and "no PATH is given, and there is no /etc/reconciler" in said.err
        typed = re.findall("`reconcile (.*?)`", said.err)
        assert typed == ["--init web.yaml", "--plan web.yaml"]
    for line in typed:
        lab.succeed(lab.reconcile(*line.split()))
    said = lab.reconcile("--trace", "host", "web:80")
    assert "as in `reconcile --trace host web:80 web.yaml`" in said.err
    for words, typed in (
        (("--resolve", "web.yaml"), "--resolve NAME web.yaml"),
        (("--explain", "./web.yaml"), "--explain WORD ./web.yaml"),
        (("--trace", "web", "web.yaml"), "--trace FROM TO:PORT[/PROTO] web.yaml"),
        (("--explain", "."), "--explain WORD ."),
    ):
        assert f"hint: as in `reconcile {typed}`" in lab.reconcile(*words).err
    assert "--project NAME" in lab.reconcile("--destroy").err
    assert lab.reconcile("--status").rc == 0
