"""The watcher as operators meet it: manifests change, the kernel is changed by hand, and the host follows."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.netns.samples import MORE, OTHER, WEB
from tests.netns.watching import EVENT, watching


@pytest.fixture
def directory(lab):
    lab.write(WEB, "m/t.yaml")
    return lab.files / "m"


# manifests


def edited(lab, directory):
    (directory / "t.yaml").write_text(MORE)


def replaced(lab, directory):
    (directory / ".t.yaml.swp").write_text(MORE)
    (directory / ".t.yaml.swp").rename(directory / "t.yaml")


def moved_in(lab, directory):
    lab.write(MORE, "elsewhere.yaml").rename(directory / "t.yaml")


def nested(lab, directory):
    lab.write(MORE, "m/a/b/t.yaml")
    (directory / "t.yaml").unlink()


def directory_replaced(lab, directory):
    directory.rename(directory.with_name("old"))
    lab.write(MORE, "m/t.yaml")


def directory_made_anew(lab, directory):
    shutil.rmtree(directory)
    lab.write(MORE, "m/t.yaml")


@pytest.mark.parametrize(
    "change",
    [edited, replaced, moved_in, nested, directory_replaced, directory_made_anew],
    ids=lambda f: f.__name__,
)
def test_a_changed_manifest_is_applied(lab, directory, change):
    with watching(lab, directory) as watcher:
        assert lab.namespaces() == ["t-db", "t-web"]
        change(lab, directory)
        watcher.until(lambda: lab.namespaces() == ["t-cache", "t-db", "t-web"])
        watcher.synced()
        assert watcher.quiet() == 0
        (directory / "o.yaml").write_text(OTHER)
        watcher.until(lambda: "o-web" in lab.namespaces())


def test_a_config_map_that_is_swapped(lab):
    for version, text in (("..v1", WEB), ("..v2", MORE)):
        lab.write(text, f"m/{version}/t.yaml")
    volume = lab.files / "m"
    (volume / "..data").symlink_to("..v1")
    (volume / "t.yaml").symlink_to("..data/t.yaml")
    with watching(lab, volume) as watcher:
        (volume / "..new").symlink_to("..v2")
        (volume / "..new").rename(volume / "..data")
        watcher.until(lambda: "t-cache" in lab.namespaces())


def test_a_symlinked_root_that_is_swapped(lab, directory):
    lab.write(MORE, "v2/t.yaml")
    link = lab.files / "current"
    link.symlink_to(directory)
    with watching(lab, link) as watcher:
        (lab.files / "next").symlink_to(lab.files / "v2")
        (lab.files / "next").rename(link)
        watcher.until(lambda: "t-cache" in lab.namespaces())


def git(lab, *words):
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return lab.run(["git", "-C", str(lab.files / "m"), *who, *words]).out.strip()


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_git(lab, directory):
    """A checkout is applied, the commit is told, and `git status` is nothing."""
    git(lab, "init", "-q")
    git(lab, "add", ".")
    git(lab, "commit", "-q", "-m", "one")
    (directory / "t.yaml").write_text(MORE)
    git(lab, "commit", "-q", "-a", "-m", "two")
    git(lab, "checkout", "-q", "HEAD~1")
    with watching(lab, directory) as watcher:
        one = git(lab, "rev-parse", "--short=12", "HEAD")
        assert watcher.status["revision"]["applied"]["commit"] == one
        watcher.settled(1.5)
        turns = watcher.status["last_run"]["turns"]
        git(lab, "status")
        time.sleep(0.6)
        last = watcher.status["last_run"]  # Linux tells late of carriers
        assert last["turns"] == turns or "file" not in last["trigger"], last
        git(lab, "checkout", "-q", "-")
        watcher.until(lambda: "t-cache" in lab.namespaces())
        two = git(lab, "rev-parse", "--short=12", "HEAD")
        watcher.until(lambda: watcher.status["revision"]["applied"]["commit"] == two)
        (directory / "t.yaml").write_text(MORE + "# a note\n")
        watcher.until(lambda: watcher.status["revision"]["attempted"]["commit"] == f"{two}+dirty")


def test_a_file_that_is_included_from_elsewhere_is_watched_too(lab):
    lab.write("containers: {far: {networks: [n]}}\n", "elsewhere/more.yaml")
    file = lab.write(WEB + "include: [../elsewhere/more.yaml]\n", "m/t.yaml")
    with watching(lab, file) as watcher:
        watcher.settled()
        assert "t-far" in lab.namespaces()
        lab.write("containers: {near: {networks: [n]}}\n", "elsewhere/more.yaml")
        watcher.until(lambda: "t-near" in lab.namespaces())


def test_what_says_nothing_new_changes_nothing(lab, directory):
    with watching(lab, directory) as watcher:
        (directory / "t.yaml").write_text(WEB)
        (directory / "t.yaml").touch()
        (directory / "4913").write_text("")
        (directory / "4913").unlink()
        (directory / ".t.yaml.swp").write_text("x")
        assert watcher.quiet() == 0
        assert watcher.status["in_sync"]


def test_a_broken_manifest_changes_nothing_and_the_last_good_one_is_kept_healed(lab, directory):
    with watching(lab, directory) as watcher:
        watcher.settled()
        before = lab.snapshot()
        (directory / "t.yaml").write_text(WEB + "  cache: {networks: [nope]}\n")
        watcher.until(lambda: watcher.status["error"])
        error = watcher.status["error"]
        assert error["file"].endswith("t.yaml") and error["line"] == 8 and "nope" in error["message"]
        assert "t.yaml:8" in watcher.log
        assert lab.snapshot() == before
        lab.run("ip link del br-t-n")
        watcher.until(lambda: "br-t-n" in lab.links())
        (directory / "t.yaml").write_text(MORE)
        watcher.until(lambda: "t-cache" in lab.namespaces())
        watcher.synced()


def test_a_manifest_that_is_broken_from_the_start_is_held_by_history(lab, directory):
    with watching(lab, directory) as watcher:
        watcher.stop()
    (directory / "t.yaml").write_text("name: [")
    with watching(lab, directory, sync=False) as watcher:
        watcher.until(lambda: watcher.status["error"])
        lab.run("ip link del br-t-n")
        watcher.until(lambda: "br-t-n" in lab.links())


def test_who_starts_after_an_upgrade_with_broken_manifests_says_what_it_cannot_fall_back_on(lab, directory):
    lab.apply(WEB)
    state = Path("/var/lib/reconciler/revisions")
    about = {**json.loads((state / "1.meta").read_bytes()), "paths": [str(directory)], "format": 0}
    (state / "1.meta").write_text(json.dumps(about))
    text = (directory / "t.yaml").read_text()
    (directory / "t.yaml").write_text("name: [")
    with watching(lab, directory, sync=False) as watcher:
        watcher.until(lambda: watcher.status["error"])
        why = "revision 1 cannot be read: an earlier version of reconcile wrote it"
        assert f"trouble with the last good revision: {why}" in watcher.log
        assert watcher.status["troubles"] == {"the last good revision": why}
        (directory / "t.yaml").write_text(text)
        watcher.synced()
        watcher.until(lambda: not watcher.status["troubles"])


def test_what_one_project_cannot_have_does_not_stop_the_others(lab, directory):
    """The kernel refuses a sysctl of `t`; `o` is applied, `t` stays as it was and is healed."""
    with watching(lab, directory) as watcher:
        (directory / "t.yaml").write_text(
            WEB + "  bad: {networks: [n], sysctls: {net.ipv4.tcp_keepalive_time: many}}\n"
        )
        (directory / "o.yaml").write_text(OTHER)
        watcher.until(lambda: "o-web" in lab.namespaces())
        assert "t-bad" not in lab.namespaces()
        watcher.until(lambda: watcher.status["error"])
        assert "t.yaml:8" in watcher.log
        lab.run("ip netns del t-db")
        watcher.until(lambda: "t-db" in lab.namespaces())
        (directory / "t.yaml").write_text(MORE)
        watcher.until(lambda: "t-cache" in lab.namespaces())
        watcher.synced()


def test_removing_much_waits_for_a_person(lab, directory):
    (directory / "o.yaml").write_text(OTHER)
    with watching(lab, directory) as watcher:
        (directory / "o.yaml").unlink()
        (directory / "t.yaml").write_text("name: t\ncontainers: {web: {}}\n")
        watcher.until(lambda: watcher.status["error"])
        assert "max-removals" in watcher.log
        assert lab.namespaces() == ["o-db", "o-web", "t-db", "t-web"]
        lab.succeed(lab.reconcile("--apply", "--wait", 5, directory))
        watcher.synced()
        assert lab.namespaces() == ["t-web"]


# drift


DRIFT = [
    "nft flush ruleset",
    "nft delete table inet reconciler",
    "nft delete table bridge reconciler",
    "nft add rule inet reconciler forward drop",
    "nft flush map inet reconciler publish4",
    "ip link del br-t-n",
    "ip link set br-t-n down",
    "ip link set br-t-n mtu 1300",
    "ip link set br-t-n alias mine",
    "ip addr flush dev br-t-n",
    "ip netns del t-web",
    "umount /run/netns/t-web",
    "ip -n t-web addr flush dev eth0",
    "ip -n t-web route del default",
    "ip -n t-web route replace default via 10.91.0.99",
    "ip -n t-web link set eth0 down",
    "ip -n t-web link set lo down",
    "ip -n t-web link del eth0",
    "sysctl -q -w net.ipv4.ip_forward=0",
]


@pytest.mark.parametrize("command", DRIFT)
def test_drift_is_put_right_by_an_event(lab, directory, command):
    with watching(lab, directory) as watcher:
        healed = watcher.status["drift"]["healed"]
        lab.run(command)
        seconds = watcher.until(lambda: watcher.status["drift"]["healed"] > healed, EVENT)
        print(f"healed after {seconds * 1000:.0f} ms: {command}")
        watcher.synced()
        assert watcher.quiet(0.3) == 0
        assert lab.succeed(lab.reconcile("--plan", "--exit-code", directory))
        lab.serve("t-web", 80)
        assert lab.ask("R", "198.51.100.1", 8080)


@pytest.mark.alone
@pytest.mark.parametrize(
    "setting", ["isolated on", "learning on", "hairpin off", "state 0", "bcast_flood off"]
)
def test_what_a_bridge_alone_tells_of_its_port_is_put_right_by_an_event(lab, directory, setting):
    """Its message says nothing of where the port leads."""
    with watching(lab, directory) as watcher:
        [end, _] = [link["ifname"] for link in lab.json("ip -j link") if link.get("master") == "br-t-n"]
        watcher.settled(1.0)
        healed = watcher.status["drift"]["healed"]
        lab.run(f"bridge link set dev {end} {setting}")
        watcher.until(lambda: watcher.status["drift"]["healed"] > healed, EVENT)


def test_the_log_says_what_differed_and_who_did_it(lab, directory):
    with watching(lab, directory) as watcher:
        watcher.settled(1.5)
        lab.run("nft delete table inet reconciler")
        watcher.until(lambda: "put right" in watcher.log)
        assert "by nft[" in watcher.log and "table inet/reconciler" in watcher.log
        watcher.until(lambda: watcher.status["drift"]["last"][0]["by"].startswith("nft["))


@pytest.mark.parametrize("alias", ["", "mine", "reconciler/t/t-web/eth0"])
def test_a_sandbox_that_lost_its_name_and_lives_on_is_replaced_at_once(lab, directory, alias):
    """Somebody is in there still, or Linux is yet to take it down: its end on the host stands, whatever its
    alias has become."""
    with watching(lab, directory) as watcher, open("/run/netns/t-db"):
        words = {link["ifname"]: link.get("ifalias", "") for link in lab.json("ip -j link")}
        end = next(name for name, said in words.items() if said == "reconciler/t/t-db/eth0")
        watcher.settled()
        before = watcher.log
        lab.run(["sh", "-ec", f"ip link set {end} alias '{alias or words[end]}'; ip netns del t-db"])
        watcher.until(lambda: "+ namespace t-db" in watcher.log.removeprefix(before), EVENT)
        assert "File exists" not in watcher.log
    assert lab.succeed(lab.reconcile("--plan", directory)).out.startswith("Nothing to do.")


def test_a_sandbox_without_networks_is_heard_too(lab):
    file = lab.write("name: t\ncontainers: {a: {network_mode: none}}\n")
    with watching(lab, file) as watcher:
        lab.run("ip -n t-a link set lo down")
        watcher.until(lambda: watcher.status["drift"]["healed"])


def unheard(lab) -> None:
    """Drift that nobody tells of."""
    lab.run("rm -r /etc/netns/t-web")
    lab.sysctl("net/ipv6/conf/eth0/accept_ra", "t-web", 2)


@pytest.mark.long
def test_what_has_no_event_is_put_right_by_the_next_sweep(lab, directory):
    with watching(lab, directory) as watcher:
        watcher.settled()
        unheard(lab)
        watcher.until(lambda: watcher.status["drift"]["healed"] >= 3)
        assert lab.sysctl("net/ipv6/conf/eth0/accept_ra", "t-web") == "0"
        assert Path("/etc/netns/t-web/hosts").exists()


@pytest.mark.alone
def test_what_has_no_event_is_put_right_with_what_an_event_leads_to(lab, directory):
    """Of a pair whose end on the host has changed no more is read, unless there is something to do."""
    with watching(lab, directory) as watcher:
        watcher.settled()
        unheard(lab)
        for end in (link["ifname"] for link in lab.json("ip -j link") if link.get("master") == "br-t-n"):
            lab.run(f"ip link set {end} txqueuelen 5")
        watcher.until(lambda: watcher.status["drift"]["healed"] >= 3, EVENT)
        assert "differ afterwards" not in watcher.log


@pytest.mark.alone
def test_flows_elsewhere_go_on_while_drift_is_put_right(lab, directory):
    (directory / "o.yaml").write_text(OTHER)
    with watching(lab, directory) as watcher:
        lab.serve("o-web", 80, proto="udp")
        lab.serve("o-web", 80)
        with lab.flow("R", "198.51.100.1", 8081, "tcp") as flow:
            for command in ("ip link del br-t-n", "ip netns del t-web", "nft delete table inet reconciler"):
                healed = watcher.status["drift"]["healed"]
                lab.run(command)
                watcher.until(lambda healed=healed: watcher.status["drift"]["healed"] > healed)
        assert flow.lost == 0


@pytest.mark.alone
def test_a_fight_is_recognised_slowed_down_and_told(lab, directory):
    with watching(lab, directory) as watcher:
        lab.write(OTHER, "m/o.yaml")
        watcher.until(lambda: "o-web" in lab.namespaces())
        watcher.settled()  # a sandbox has its name before all is done
        for _ in range(8):
            if watcher.status["fights"]:
                break
            watcher.until(lambda: lab.link("br-t-n")["mtu"] == 1500)
            lab.run("ip link set br-t-n mtu 1300")
        watcher.until(lambda: watcher.status["health"] == "fighting")
        assert "keeps changing link host/br-t-n back" in watcher.log
        assert watcher.status["fights"][0]["project"] == "t"
        for number in range(5):  # what others do meanwhile is no reason to say it again
            lab.run(f"ip link add zz{number} type veth peer name zy{number}")
            watcher.settled(0.1)
        assert watcher.log.count("another program") == 1
        lab.run("ip link set br-t-n mtu 1300")
        lab.run("ip link del br-o-n")
        assert watcher.until(lambda: "br-o-n" in lab.links()) < 2
        watcher.until(lambda: lab.link("br-t-n")["mtu"] == 1500)


# the watcher itself


@pytest.mark.alone
def test_it_does_nothing_while_nothing_happens(lab, directory):
    with watching(lab, directory) as watcher:
        watcher.settled(1.5)
        turns = watcher.status["last_run"]["turns"]
        before = cpu(watcher.process.pid)
        time.sleep(3)
        assert watcher.status["last_run"]["turns"] == turns
        assert cpu(watcher.process.pid) - before < 0.5  # of three that it could take


def cpu(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as stat:
        words = stat.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def test_the_second_watcher_refuses(lab, directory):
    with watching(lab, directory):
        second = lab.reconcile("--watch", directory)
        assert second.rc == 75 and "another --watch" in second.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_to_and_leaves_the_network_alone(lab, directory, number):
    with watching(lab, directory) as watcher:
        watcher.settled()
        before = lab.snapshot()
        assert watcher.stop(number) == 0
        assert lab.snapshot() == before


def test_terminated_in_the_middle_of_an_apply_it_finishes_it(lab, directory):
    with watching(lab, directory) as watcher:
        many = "".join(f"  c{n}: {{networks: [n]}}\n" for n in range(60))
        (directory / "t.yaml").write_text(WEB + many)
        watcher.until(lambda: "t-c0" in lab.namespaces())
        assert watcher.stop() == 0
    assert lab.reconcile("--plan", "--exit-code", directory).rc == 0


def test_killed_and_started_again_it_changes_nothing(lab, directory):
    with watching(lab, directory) as watcher:
        watcher.settled()
        before = lab.snapshot()
        watcher.process.kill()
        watcher.process.wait()
    with watching(lab, directory) as watcher:
        assert watcher.quiet(0.3) == 0 and lab.snapshot() == before


@pytest.mark.alone
def test_somebody_elses_apply_is_not_kept_waiting_by_looks(lab, directory):
    other = lab.write(OTHER, "o.yaml")
    with watching(lab, directory) as watcher:
        for _ in range(5):
            lab.succeed(lab.reconcile("--apply", "--wait", 2, other))
            lab.succeed(lab.reconcile("--destroy", "--wait", 2, other))
        watcher.synced()
        assert watcher.quiet(0.5) == 0


def test_standard_input_cannot_be_watched(lab):
    assert lab.reconcile("--watch", "-").rc == 64
