"""A project's trouble is its own: what this host has no way for waits, and everything else goes on."""

import signal
import socket
from pathlib import Path

import pytest

from tests.netns.lab import HOST4, REMOTE4
from tests.netns.test_late import opened
from tests.netns.watching import watching

LAN = """
name: p
networks: {lan: {driver: macvlan, parent: nic, ipam: {config: [{subnet: 10.1.0.0/24}]}}}
containers: {a: {networks: {lan: {ipv4_address: 10.1.0.10}}}}
"""
PORT = """
name: p
containers: {a: {ports: ["8080:80"]}}
"""
UNMANAGED = """
name: p
networks: {lan: {driver_opts: {mode: unmanaged, bridge_name: br0}, ipam: {config: [{subnet: 10.50.0.0/24}]}}}
containers: {a: {networks: [lan]}}
"""
OTHER = """
name: q
containers: {web: {ports: ["8090:80"]}}
"""
NIC = "link add nic type veth peer name far\nlink set nic up\nlink set far up"
# What is missing, how it comes, and how it goes.
CAUSES = {
    "no NIC": (LAN, "nic", NIC, "link del nic"),
    "no bridge": (UNMANAGED, "br0", "link add br0 type bridge\nlink set br0 up", "link del br0"),
}


def both(lab, manifest, other=OTHER):
    lab.write(manifest, "p.yaml")
    lab.write(other, "q.yaml")
    return lab.files


@pytest.mark.parametrize("cause", CAUSES)
def test_what_can_be_done_is_done_and_the_rest_follows(lab, cause):
    manifest, words, come, go = CAUSES[cause]
    folder = both(lab, manifest)
    for mode, rc in (("--plan", 3), ("--apply", 3), ("--status", 2), ("--show", 3)):
        result = lab.reconcile(mode, folder)
        assert result.rc == rc and "project p waits" in result.err and words in result.err, (mode, result)
        assert "p.yaml:" in result.err
    assert lab.namespaces() == ["q-web"]
    assert lab.reconcile("--plan", folder, "-o", "json").json["steps"] == []
    assert lab.reconcile("--plan", folder, "-o", "json").json["waiting"].keys() == {"p"}
    assert lab.reconcile("--apply", folder, "--strict").rc != 3
    alone = lab.reconcile("--apply", folder / "p.yaml")
    assert alone.rc != 3 and words in alone.err
    lab.ip(come)
    lab.succeed(lab.reconcile("--apply", folder))
    assert lab.namespaces() == ["p-a", "q-web"] and lab.reconcile("--plan", folder).rc == 0
    lab.ip(go)
    lab.write(OTHER.replace("8090", "8091"), "q.yaml")
    lab.run("nft flush ruleset")
    assert lab.reconcile("--apply", folder).rc == 3
    assert lab.namespaces() == ["p-a", "q-web"] and "8091" in lab.rules()


def test_a_mistake_of_the_manifests_is_still_everybodys(lab):
    folder = both(lab, PORT, OTHER.replace("8090", "8080"))
    result = lab.reconcile("--apply", folder)
    assert result.rc == 65 and "waits" not in result.err and lab.namespaces() == []


@pytest.mark.parametrize("cause", CAUSES)
def test_the_watcher_boots_heals_and_follows(lab, cause):
    manifest, words, come, go = CAUSES[cause]
    folder = both(lab, manifest)
    with watching(lab, folder, sync=False) as watcher:
        watcher.until(lambda: "q-web" in lab.namespaces())
        watcher.until(lambda: words in str(watcher.status))
        assert watcher.log.count("project p waits") == 1
        lab.ip(come)
        assert watcher.until(lambda: "p-a" in lab.namespaces()) < 10
        watcher.synced()
        lab.ip(go)
        watcher.until(lambda: "project p waits" in str(watcher.status))
        lab.run("nft flush ruleset")
        watcher.until(lambda: "8090" in lab.rules())
        lab.write(OTHER.replace("8090", "8091"), "q.yaml")
        watcher.until(lambda: "8091" in lab.rules())
        lab.ip(come)
        watcher.synced()


def test_a_port_that_somebody_has_at_boot(lab):
    folder = both(lab, PORT)
    with opened(socket.SOCK_STREAM, "0.0.0.0", 8080), watching(lab, folder, sync=False) as watcher:
        watcher.until(lambda: "q-web" in lab.namespaces())
        assert "p-a" not in lab.namespaces()
        watcher.until(lambda: "8080/tcp is taken" in str(watcher.status))
        metrics = Path("/run/reconciler/metrics.prom")
        watcher.until(lambda: "reconciler_waiting_projects 1\n" in metrics.read_text())


def test_the_watcher_does_what_a_fresh_plan_does(lab):
    """The owner of a NIC takes it out of our bridge and gives it an address that the host answers at."""
    lab.ip(NIC)
    bridged = LAN.replace("driver: macvlan, ", "").replace("0/24}", "0/24, gateway: 10.1.0.254}")
    folder = both(lab, bridged)
    with watching(lab, folder, sync=False) as watcher:
        watcher.synced()
        assert lab.link("nic")["master"]
        watcher.process.send_signal(signal.SIGSTOP)  # who looks between the two sees no address
        lab.ip("link set nic nomaster\naddr add 10.1.0.200/24 dev nic")
        watcher.process.send_signal(signal.SIGCONT)
        watcher.until(lambda: "project p waits" in str(watcher.status))
        fresh = lab.reconcile("--plan", folder)
        assert fresh.rc == 3 and "10.1.0.200" in fresh.err
        watcher.settled()
        assert "master" not in lab.link("nic")


def test_a_parent_that_is_renamed_takes_no_running_container_along(lab):
    lab.ip(NIC)
    folder = both(lab, LAN)
    with watching(lab, folder, sync=False) as watcher:
        watcher.synced()
        before = lab.link("eth0", "p-a")["ifindex"]
        lab.ip("link set nic down\nlink set nic name other\nlink set other up")
        watcher.until(lambda: "project p waits" in str(watcher.status))
        watcher.settled()
        assert lab.link("eth0", "p-a")["ifindex"] == before, watcher.log
        lab.ip("link set other down\nlink set other name nic\nlink set nic up")
        watcher.synced()
        assert lab.link("eth0", "p-a")["ifindex"] == before


def test_status_tells_what_stands_beside_what_is_wrong(lab):
    folder = both(lab, PORT)
    with watching(lab, folder, sync=False) as watcher:
        watcher.synced()
        lab.write("name: p\ncontainers: {a: {prots: []}}\n", "p.yaml")
        watcher.until(lambda: "prots" in str(watcher.status))
        told = lab.reconcile("--status", folder)
        assert told.rc == 65 and "p.yaml:2" in told.err and "prots" in told.err
        assert "p: 1 network, 1 sandbox" in told.out and "watching" in told.out
        told = lab.reconcile("--status", folder, "-o", "json")
        assert told.rc == 65 and not told.json["in_sync"]
        assert {row["project"] for row in told.json["projects"]} >= {"p", "q"}


def test_a_project_that_goes_is_work_too(lab):
    folder = both(lab, LAN)
    assert lab.reconcile("--apply", folder).rc == 3 and lab.namespaces() == ["q-web"]
    (folder / "q.yaml").unlink()
    assert lab.reconcile("--apply", folder).rc == 3 and lab.namespaces() == []


def test_what_two_include_is_the_trouble_of_the_one_that_has_it(lab):
    common = "networks: {lan: {driver: macvlan, parent: '${NIC}', ipam: {config: [{subnet: '${NET}'}]}}}\n"
    common += "containers: {a: {networks: [lan]}}\n"
    lab.write(common, "parts/common.yaml")
    for name, nic in (("p", "gone"), ("q", "nic")):
        lab.write(f"NIC={nic}\nNET=10.{ord(name)}.0.0/24\n", f"parts/{name}.env")
        include = f"[{{path: parts/common.yaml, env_file: parts/{name}.env}}]"
        lab.write(f"name: {name}\ninclude: {include}\n", f"{name}.yaml")
    lab.ip(NIC)
    paths = [lab.files / "p.yaml", lab.files / "q.yaml"]
    result = lab.reconcile("--apply", *paths)
    assert result.rc == 3 and "project p waits" in result.err and "project q" not in result.err, result
    assert lab.namespaces() == ["q-a"]


def test_a_mistake_of_the_manifests_is_told_beside_what_is_missing(lab):
    folder = both(lab, LAN)
    lab.write(OTHER.replace("name: q", "name: r"), "r.yaml")
    result = lab.reconcile("--apply", folder)
    assert result.rc == 65 and "no link nic" in result.err and "8090/tcp is taken" in result.err


def test_what_waits_is_recorded_as_it_stands(lab):
    """So that a watcher that starts then keeps that healed, and others may be gone back with."""
    folder = both(lab, PORT)
    lab.succeed(lab.reconcile("--apply", folder))
    more = PORT.replace("containers", "networks: {n: {driver: macvlan, parent: nic}}\ncontainers")
    lab.write(more.replace("{ports", "{networks: [n, default], ports"), "p.yaml")
    assert lab.reconcile("--apply", folder).rc == 3
    lab.run("nft flush ruleset")
    lab.run("ip link del br-p-default")
    with watching(lab, folder, sync=False) as watcher:
        watcher.until(lambda: "br-p-default" in lab.links() and "8080" in lab.rules())


def test_who_is_none_of_a_projects_hosts_has_no_trouble_with_the_others(lab):
    hosts = "name: p\nhosts: {h1: {address: 192.0.2.7}}\ncontainers: {a: {host: h1}}\n"
    result = lab.reconcile("--apply", both(lab, hosts))
    assert lab.namespaces() == ["q-web"] and result.rc in (0, 3), result


def test_nobody_takes_what_a_waiting_project_writes(lab):
    """Else who came meanwhile would move when it comes."""
    some = OTHER.replace("8090:", "")
    lab.apply(some)
    [port] = {
        one["first"] for one in lab.reconcile("--show", lab.files / "t.yaml", "-o", "json").json["ports"]
    }
    subnet = next(line.split()[0] for line in lab.routes("") if "dev br-q-default" in line)
    lab.succeed(lab.destroy(lab.files / "t.yaml"))
    (lab.files / "t.yaml").unlink()
    written = {
        "name": "p",
        "networks": {
            "lan": {"driver": "macvlan", "parent": "nic", "ipam": {"config": [{"subnet": "10.1.0.0/24"}]}},
            "own": {"ipam": {"config": [{"subnet": subnet}]}},
        },
        "containers": {"a": {"networks": ["lan"]}, "b": {"networks": ["own"], "ports": [f"{port}:80"]}},
    }
    folder = both(lab, written, some)
    assert lab.reconcile("--apply", folder).rc == 3
    before = lab.address("q-web"), lab.declared("q")
    lab.ip(NIC)
    lab.succeed(lab.reconcile("--apply", folder))
    assert (lab.address("q-web"), lab.declared("q")) == before
    assert lab.reconcile("--plan", folder).rc == 0


def test_a_lock_that_is_stale_holds_up_whose_lines_it_lacks(lab):
    hosts = f"name: p\nhosts: {{h1: {{address: {HOST4}}}, h2: {{address: {REMOTE4}}}}}\n"
    overlay = hosts + "networks: {o: {driver: overlay}}\ncontainers: {a: {host: h1, networks: [o]}}\n"
    folder, here = both(lab, overlay), ("--host", "h1")
    result = lab.reconcile("--apply", folder, *here)
    assert result.rc == 3 and "p.yaml:1:1" in result.err and "addresses.lock is stale" in result.err, result
    assert lab.namespaces() == ["q-web"]
    lab.succeed(lab.reconcile("--lock", folder))
    lab.succeed(lab.reconcile("--apply", folder, *here))
    both(lab, overlay.replace("containers: {", "containers: {b: {host: h1, networks: [o]}, "))
    lab.run("nft flush ruleset")
    assert lab.reconcile("--apply", folder, *here, "--strict").rc == 65
    assert lab.reconcile("--apply", folder, *here).rc == 3
    assert lab.namespaces() == ["p-a", "q-web"] and "8090" in lab.rules()
    lab.succeed(lab.reconcile("--lock", folder))
    lab.succeed(lab.reconcile("--apply", folder, *here))
    assert lab.namespaces() == ["p-a", "p-b", "q-web"]


# On a NIC alone, on a bridge alone, and on both.
TWO = """
name: p
networks:
  lan: {driver: macvlan, parent: nic, ipam: {config: [{subnet: 10.1.0.0/24}]}}
  own: {ipam: {config: [{subnet: 10.2.0.0/24}]}}
containers:
  a: {networks: {lan: {ipv4_address: 10.1.0.10}}}
  b: {networks: {own: {ipv4_address: 10.2.0.10}}, ports: ["8080:80"]}
  c: {networks: {lan: {ipv4_address: 10.1.0.11}, own: {ipv4_address: 10.2.0.11}}}
"""
# The NIC goes, or is called otherwise while containers are on it.
LACKS = {
    "gone": ("link del nic", NIC),
    "renamed": (
        "link set nic down\nlink set nic name other\nlink set other up",
        "link set other down\nlink set other name nic\nlink set nic up",
    ),
}


def spoil(lab):
    """What stands on no NIC: an address, a bridge, and what leads there."""
    lab.ip("addr flush dev eth1", "p-c")
    lab.ip("link del br-p-own")
    lab.run("nft flush map inet reconciler publish4")


def is_healed(lab):
    links = [lab.link(name) for name in lab.links() if lab.link(name).get("master") == "br-p-own"]
    return lab.address("p-c", "eth1") == "10.2.0.11" and len(links) == 2 and "8080" in lab.rules()


def on_lan(lab, ns):
    """The number of its link there, if it has one."""
    return [lab.link(name, ns)["ifindex"] for name in lab.links(ns) if name == "eth0"]


def held(lab):
    """What nobody may touch for want of a NIC."""
    return lab.namespaces(), on_lan(lab, "p-a"), on_lan(lab, "p-c"), lab.run("cat /etc/netns/p-c/hosts")


@pytest.mark.parametrize("lack", LACKS)
def test_what_stands_on_nothing_that_is_lacking_is_healed(lab, lack):
    go, come = LACKS[lack]
    lab.ip(NIC)
    folder = both(lab, TWO)
    lab.succeed(lab.reconcile("--apply", folder))
    lab.ip(go)
    before = held(lab)
    assert lab.reconcile("--plan", folder, "-o", "json").json["steps"] == []
    spoil(lab)
    result = lab.reconcile("--apply", folder)
    assert result.rc == 3 and "project p waits" in result.err and "- " not in result.out, result
    assert is_healed(lab) and held(lab) == before
    assert lab.reconcile("--plan", folder, "-o", "json").json["steps"] == []
    lab.ip(come)
    lab.succeed(lab.reconcile("--apply", folder))
    assert lab.reconcile("--plan", folder).out == "Nothing to do.\n"
    assert lab.address("p-a") == "10.1.0.10" and lab.address("p-c") == "10.1.0.11"


def test_the_watcher_heals_what_stands_on_nothing_that_is_lacking(lab):
    go, come = LACKS["renamed"]
    lab.ip(NIC)
    folder = both(lab, TWO)
    with watching(lab, folder) as watcher:
        lab.ip(go)
        watcher.until(lambda: "project p waits" in str(watcher.status))
        watcher.settled()
        before = on_lan(lab, "p-a")
        spoil(lab)
        watcher.until(lambda: is_healed(lab))
        lab.run("ip netns del p-b")
        watcher.until(lambda: lab.address("p-b") == "10.2.0.10")
        # What it lacks a network for is not made by half.
        lab.run("ip netns del p-c")
        watcher.settled()
        assert watcher.quiet() == 0 and "p-c" not in lab.namespaces(), watcher.log
        assert on_lan(lab, "p-a") == before
        lab.ip(come)
        watcher.synced()
        assert lab.address("p-c") == "10.1.0.11" and is_healed(lab)


def test_who_waits_is_healed_by_its_last_revision_and_not_half_changed(lab):
    lab.ip(NIC)
    folder = both(lab, TWO)
    lab.succeed(lab.reconcile("--apply", folder))
    lab.ip("link del nic")
    less = TWO.replace('  b: {networks: {own: {ipv4_address: 10.2.0.10}}, ports: ["8080:80"]}\n', "")
    both(lab, less.replace("10.2.0.11", "10.2.0.12"))
    spoil(lab)
    assert lab.reconcile("--apply", folder).rc == 3
    assert is_healed(lab) and "p-b" in lab.namespaces()
    lab.ip(NIC)
    lab.succeed(lab.reconcile("--apply", folder))
    assert lab.address("p-c", "eth1") == "10.2.0.12" and "p-b" not in lab.namespaces()


def test_a_file_that_is_not_ours_is_the_trouble_of_one_sandbox(lab):
    file = Path("/etc/netns/p-a/resolv.conf")
    folder = both(lab, PORT.replace("}}", "}, b: {ports: ['8081:80']}}"))
    file.parent.mkdir(parents=True)
    file.write_text("nameserver 192.0.2.53\n")
    with watching(lab, folder, sync=False) as watcher:
        watcher.until(lambda: lab.namespaces() == ["p-b", "q-web"] and str(file) in watcher.log)
        result = lab.reconcile("--apply", folder)
        assert result.rc == 3 and f"sandbox p-a is left as it is: {file} exists" in result.err, result
        lab.run("nft flush ruleset")
        watcher.until(lambda: "8081" in lab.rules())
        assert lab.reconcile("--status", folder).rc == 2 and "192.0.2.53" in file.read_text()
        file.unlink()
        watcher.until(lambda: "p-a" in lab.namespaces())
        watcher.synced()
