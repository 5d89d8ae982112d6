"""Files and streams as a host may have them: whatever stands there, a command ends with a sentence, and a
watcher goes on."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.daemon.orders import Orders
from reconciler.daemon.service import Watcher
from reconciler.daemon.triggers import Trigger
from reconciler.kernel.linux import Linux
from reconciler.paths import STATE
from reconciler.safety.limits import Limits
from tests.netns.lab import ENVIRONMENT, command
from tests.netns.samples import MORE, WEB
from tests.netns.snapshot import differing
from tests.netns.watching import STATUS, until, watching
from tests.odd import odd

RUN = Path("/run/reconciler")


@pytest.fixture
def directory(lab):
    lab.write(WEB, "m/t.yaml")
    return lab.files / "m"


def shell(words, redirections="", **environment):
    """The command as a shell starts it: (exit code, what it said)."""
    line = f'exec "$@" {redirections}'
    done = subprocess.run(
        ["sh", "-c", line, "sh", *command(*words)],
        env={**ENVIRONMENT, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr, done
    return done.returncode, done.stdout, done.stderr


ODD = ["directory", "pipe", "socket", "loop", "device", "text"]


# standard streams


def test_an_apply_that_cannot_tell_is_done_and_recorded_and_says_so(lab):
    rc, _, err = shell(["--apply", lab.write(WEB)], ">/dev/full")
    assert rc == 74 and "No space left on device" in err and "--apply is done" in err
    assert lab.namespaces() == ["t-db", "t-web"] and lab.planned(WEB) == []
    assert len(lab.reconcile("--history").out.splitlines()) == 1


@pytest.mark.parametrize("mode", ["--plan", "--status", "--schema", "--version"])
def test_what_cannot_be_told_is_no_success(lab, mode):
    rc, _, err = shell([mode, lab.write(WEB)], ">/dev/full")
    assert rc == 74 and err.startswith("error: standard output cannot be written: No space left on device")


def test_closed_streams_take_no_files_place(lab):
    for closed in (">&-", "2>&-", "<&-", "<&- >&- 2>&-", "2>/dev/full"):
        rc, _, _ = shell(["--apply", lab.write(WEB)], closed)
        assert rc == 0 and lab.namespaces() and lab.planned(WEB) == [], closed
        assert shell(["--validate", "/nowhere"], closed)[0] == 65, closed
        lab.destroy()


def test_a_reader_who_leaves_keeps_nothing_from_being_done(lab):
    file = lab.write(WEB)
    line = f"{' '.join(command('--apply', file, '-o', 'wide'))} | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stderr == "", done
    assert len(lab.reconcile("--history").out.splitlines()) == 1


def test_input_that_never_ends_is_refused(lab):
    assert shell(["--plan", "-"], "</dev/zero")[0] == 65


def test_names_that_the_terminal_cannot_show(lab):
    folder = os.fsencode(lab.files) + b"/\xff\xe4"
    os.makedirs(folder)
    Path(os.fsdecode(folder), "ä.yaml").write_text(WEB)
    for environment in ({"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}):
        rc, _, err = shell(["--apply", os.fsdecode(folder)], **environment)
        assert rc == 0, err
        assert shell(["--history"], **environment)[0] == 0
        assert shell(["--validate", os.fsdecode(folder) + "/no"], **environment)[0] == 65


def test_no_working_directory_no_home_and_an_odd_time_zone(lab):
    file = lab.write(WEB)
    gone = ["sh", "-c", 'mkdir /run/gone; cd /run/gone; rmdir /run/gone; unset HOME; exec "$@"', "sh"]

    def run(*words):
        return lab.run([*gone, *command(*words)], check=False, env={**ENVIRONMENT, "TZ": ":/dev/zero"})

    assert run("--apply", file).rc == 0 and run("--history").rc == 0
    refused = run("--plan", "t.yaml")
    assert refused.rc == 64 and "no working directory" in refused.err


# files that a person names


@pytest.mark.parametrize("mode", ["--plan", "--status"])
def test_out_may_lead_anywhere(lab, mode):
    odd("pipe", "/run/pipe")
    odd("loop", "/run/loop")
    for out in ("/run", "/run/nowhere/x", "/dev/full", "/run/pipe", "/run/loop"):
        result = lab.reconcile(mode, lab.write(WEB), "--out", out)
        assert result.rc == 74 and result.err.startswith(f"error: {out} cannot be written: "), result


def test_out_into_a_pipe_and_against_one(lab):
    lab.apply(WEB)
    line = f"{' '.join(command('--status', '--out', '/dev/stderr', lab.files / 't.yaml'))} 2>/run/saved"
    lab.run(["bash", "-c", line], env=ENVIRONMENT)
    line = f"{' '.join(command('--plan', lab.write(MORE), '--against'))} <(cat /run/saved)"
    assert "t-cache" in lab.run(["bash", "-c", line], env=ENVIRONMENT).out


@pytest.mark.parametrize("kind", ODD)
def test_against_may_be_anything(lab, kind):
    odd(kind, "/run/x")
    assert lab.reconcile("--plan", lab.write(WEB), "--against", "/run/x").rc == 64


def test_a_full_disk_leaves_the_lock_as_it_was(lab, directory):
    lab.run("mount -t tmpfs -o size=8k none /run/lab/m")
    lab.write(WEB, "m/t.yaml")
    lab.succeed(lab.reconcile("--lock", directory))
    before = (directory / "addresses.lock").read_text()
    lab.run("dd if=/dev/zero of=/run/lab/m/full", check=False)
    rc, _, err = shell(["--lock", directory])
    assert rc in (0, 74) and (directory / "addresses.lock").read_text() == before, err


# what is ours on the host


def sentence(lab, *words):
    """What the command says where it is not done: a sentence of ours, and nothing that nobody foresaw."""
    result = lab.reconcile(*words)
    assert result.rc in (0, 1, 3, 75), result
    assert not result.rc or "\nerror: " in f"\n{result.err}", result
    assert "Traceback" not in result.err and "unforeseen" not in result.err, result
    return result


@pytest.mark.parametrize("kind", ["directory", "pipe", "socket", "loop", "device"])
def test_what_has_a_sandboxs_name_and_is_none_is_named_before_anything_is_touched(lab, kind):
    odd(kind, "/run/netns/t-web")
    result = lab.try_apply(WEB)  # of `ip`, a pipe keeps even `ip link` waiting
    assert result.rc == 1 and "namespace t-web that is not ours" in result.err and "t.yaml" in result.err
    assert lab.namespaces() == ["t-web"] and not os.path.exists("/sys/class/net/br-t-n")


def test_a_crowd_in_run_netns(lab):
    for number in range(3000):
        odd(["directory", "pipe", "loop"][number % 3], f"/run/netns/x{number}")
    began = time.process_time()
    lab.apply(WEB)
    assert lab.planned(WEB) == [] and time.process_time() - began < 5


@pytest.mark.parametrize("kind", ODD)
def test_whatever_stands_in_etc_netns(lab, kind):
    odd(kind, "/etc/netns/t-web")
    odd(kind, "/etc/netns/strange")
    before = lab.snapshot()
    file = lab.write(WEB)
    if rc := sentence(lab, "--apply", file).rc:
        assert rc == 3 or lab.snapshot() == before
        lab.run("rm -r /etc/netns/t-web")
    odd(kind, "/etc/netns/t-db/hosts") if not Path("/etc/netns/t-db/hosts").exists() else None
    sentence(lab, "--apply", file)


def test_what_a_killed_apply_had_begun_to_write_goes_and_what_others_have_begun_stays(lab):
    before = lab.snapshot()
    lab.apply(WEB)
    begun, theirs = Path("/etc/netns/t-web/.hosts.4711"), Path("/etc/netns/t-web/.nsswitch.conf.4711")
    begun.touch()
    theirs.touch()
    lab.apply(WEB)
    assert not begun.exists() and theirs.exists() and lab.planned(WEB) == []
    Path("/etc/netns/t-db/.resolv.conf.4711").touch()
    theirs.unlink()
    lab.destroy()
    assert differing(before, lab.snapshot()) == {}


@pytest.mark.parametrize("name", ["", "lock", "watch", "watch/lock"])
def test_whatever_stands_where_the_lock_should(lab, name):
    file = lab.write(WEB)
    for kind in ODD:
        lab.run(f"rm -rf {RUN}")
        odd(kind, RUN / name)
        for words in (["--apply", file], ["--status"], ["--suspend"]):
            sentence(lab, *words)


def test_whatever_stands_where_the_watcher_tells(lab):
    files = [lab.write(WEB), lab.write(MORE, "more.yaml")]
    for number, kind in enumerate(ODD):
        lab.run(f"rm -rf {RUN}")
        for name in ("status.json", "confirm.json", "suspended", "confirm.sock", "manifests"):
            odd(kind, RUN / name)
        for words in (["--status"], ["--suspend"], ["--resume"], ["--confirm"]):
            sentence(lab, *words)
        if not sentence(lab, "--apply", files[number % 2], "--confirm-within", "30").rc:
            lab.succeed(lab.reconcile("--confirm"))


# the watcher


def broken(lab, watcher) -> None:
    """Somebody breaks it, and it is put right."""
    lab.run("ip link del br-t-n")
    watcher.until(lambda: "br-t-n" in lab.links())


def gone(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)


@contextmanager
def no_inotify() -> Iterator[None]:
    """As if other programs of this user had all instances."""
    limit = Path("/proc/sys/user/max_inotify_instances")
    before = limit.read_text()
    limit.write_text("0")
    try:
        yield
    finally:
        limit.write_text(before)


def test_without_inotify_it_polls_and_says_so(lab, directory):
    with no_inotify(), watching(lab, directory) as watcher:
        assert "polled, since inotify: inotify instance limit reached" in watcher.status["files"]
        assert "files are polled, since inotify" in lab.reconcile("--status", directory).out
        broken(lab, watcher)
        (directory / "t.yaml").write_text(MORE)
        watcher.until(lambda: "t-cache" in lab.namespaces())


def test_odd_files_in_its_run_directory_stop_no_healing(lab, directory):
    with watching(lab, directory) as watcher:
        watcher.settled()
        for kind in ODD:
            for name in ("status.json", "metrics.prom"):
                gone(RUN / name)
                odd(kind, RUN / name)
            broken(lab, watcher)
            assert lab.reconcile("--status", directory).rc in (0, 2)
            if kind == "directory":
                watcher.until(lambda: "trouble with status: /run/reconciler/status.json" in watcher.log)
                gone(RUN / "status.json")
            watcher.until(lambda: watcher.status["in_sync"])


@pytest.mark.parametrize("options", ["ro", "size=4k,nr_inodes=4"])
def test_a_run_directory_that_takes_nothing_stops_no_healing(lab, directory, options):
    with watching(lab, directory) as watcher:
        watcher.settled()
        lab.run(f"mount -t tmpfs -o {options.replace('ro', 'size=4k')} none {RUN}")
        lab.run(
            ["sh", "-c", f"touch {RUN}/lock; touch {RUN}/a {RUN}/b; dd if=/dev/zero of={RUN}/a"], check=False
        )
        if options == "ro":
            lab.run(f"mount -o remount,ro {RUN}")
        broken(lab, watcher)
        watcher.until(lambda: "trouble with status" in watcher.log)
        lab.run(f"umount --lazy {RUN}")
        broken(lab, watcher)
        watcher.synced()


def test_an_odd_state_directory_stops_no_healing(lab, directory):
    state = Path("/var/lib/reconciler/revisions")
    with watching(lab, directory) as watcher:
        watcher.settled()
        for kind in ODD:
            for name in ("1.meta", "1.json", "rejected"):
                gone(state / name)
                odd(kind, state / name)
            (directory / "t.yaml").write_text(f"{MORE}  {kind}: {{networks: [n]}}\n")
            watcher.until(lambda kind=kind: f"t-{kind}" in lab.namespaces())
        (directory / "t.yaml").write_text("name: [")
        watcher.until(lambda: watcher.status["error"])
        broken(lab, watcher)
    with watching(lab, directory, sync=False) as watcher:
        watcher.until(lambda: watcher.status["error"])
        broken(lab, watcher)


def test_what_has_a_sandboxs_name_holds_the_watcher_up_until_it_goes(lab, directory):
    with watching(lab, directory) as watcher:
        watcher.settled()
        lab.succeed(lab.reconcile("--suspend"))
        lab.run("ip netns del t-web")
        odd("loop", "/run/netns/t-web")
        lab.succeed(lab.reconcile("--resume"))
        watcher.until(lambda: "t-web" in (watcher.status["error"] or {}).get("message", ""))
        os.unlink("/run/netns/t-web")
        watcher.until(lambda: "t-web" in lab.namespaces())
        watcher.synced()


class Broken:
    """Whatever is asked of it ends in an exception."""

    polling, alive, paths, patience = "", True, (), 60.0

    def __getattr__(self, name):
        raise TypeError(f"no {name}")


def looked(watcher, kind):
    """The patience of a watcher that has looked everywhere."""
    patience = watcher.turn([Trigger(kind)])
    while not patience:
        patience = watcher.turn([])
    return patience


def test_whatever_breaks_beside_the_line_is_told_and_holds_up_nothing(lab):
    orders = Orders((str(lab.write(WEB)),), None, Limits(), STATE, note=lambda words: None)
    watcher = Watcher(orders, Linux(), Broken(), Broken(), Broken())
    odd("directory", RUN / "metrics.prom")
    watcher.turn([Trigger("start")])
    assert lab.namespaces() == ["t-db", "t-web"]
    told = json.loads(STATUS.read_text())
    assert told["in_sync"] and told["revision"]["applied"]
    assert told["troubles"].keys() == {
        "files", "included files", "events of the kernel", "events of sandboxes", "the relay", "metrics"
    }  # fmt: skip
    lab.run("ip link del br-t-n")
    assert 0 < looked(watcher, "sweep") < 5 and "br-t-n" in lab.links()
    lab.run("ip link del br-t-n")
    watcher.turn([Trigger("beat")])
    assert "br-t-n" not in lab.links()  # which events of the kernel would have told
    watcher.events.alive = False
    looked(watcher, "beat")
    assert "br-t-n" in lab.links()
    watcher.repair = None
    assert 0 < watcher.turn([Trigger("sweep")]) < 5 and "a turn" in watcher.troubles.words


def test_a_log_that_cannot_be_written_stops_nothing(lab, directory):
    process = subprocess.Popen(
        ["sh", "-c", 'exec "$@" >/dev/full 2>&1', "sh", *command("--watch", directory)],
        env=ENVIRONMENT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: json.loads(STATUS.read_text())["in_sync"])
        lab.run("ip link del br-t-n")
        until(lambda: "br-t-n" in lab.links())
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
