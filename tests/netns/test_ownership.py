"""What is ours and what is somebody else's, after what people did by hand and what a crash left."""

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core.plan import Step, plan
from reconciler.core.reconcile import reconcile
from reconciler.core.resource import Resource, State, state
from reconciler.errors import FailedInPart, Foreign, KernelError
from reconciler.kernel import netns
from reconciler.kernel.linux import Linux
from reconciler.kinds.address import Address
from reconciler.kinds.file import File
from reconciler.kinds.link import Bridge, OrphanVeth, Veth
from reconciler.kinds.namespace import Namespace
from reconciler.kinds.ownership import FILE_MARK, HOST, PROTOCOL, TO_DELETE
from reconciler.kinds.route import Route
from reconciler.kinds.rule import Rule
from tests.netns.lab import Lab

BOX = Namespace(name="t-a", project="t")
BRIDGE = Bridge(ns=HOST, name="br-t-n", project="t", network="n", mac="02:00:00:00:01:01")
VETH = Veth(ns="t-a", name="eth0", project="t", host_name="va0", mac="02:00:00:00:00:0a", bridge="br-t-n")
HERE = Address(ns="t-a", link="eth0", ip="10.91.0.2", prefix=24)
DEFAULT = Route(ns="t-a", dst="0.0.0.0/0", link="eth0", via="10.91.0.1")
HOSTS = File(ns="t-a", path="/etc/netns/t-a/hosts", content=f"{FILE_MARK}\n")


@pytest.fixture
def wired(lab: Lab) -> State:
    wanted = state(BOX, BRIDGE, VETH)
    reconcile(wanted, Linux())
    return wanted


def steps(wanted: State) -> list[str]:
    return [str(step).split("   #")[0] for step in plan(Linux().observe(wanted.values()), wanted)]


@pytest.mark.parametrize(
    ("command", "field"),
    [
        ("ip link set va0 nomaster", "bridge"),
        ("ip link set va0 down", "up"),
        ("ip -n t-a link set eth0 down", "up"),
        ("ip link set va0 mtu 1400", "mtus_differ"),
        ("ip -n t-a link set eth0 address 02:00:00:00:00:ff", "mac"),
        ("ip link set dev va0 type bridge_slave isolated on", "isolated"),
        ("ip link set dev va0 type bridge_slave hairpin off", "hairpin"),
        ("ip link set va0 alias theirs", "project"),
    ],
)
def test_a_port_that_drifted_shows_as_one_field(lab: Lab, wired: State, command: str, field: str):
    lab.run(command)
    [step] = plan(Linux().observe(), wired)
    wanted = step.resource.values()
    assert step.op == "~" and field in {
        name for name, value in step.old.values().items() if value != wanted.get(name)
    }
    reconcile(wired, Linux())
    assert steps(wired) == []


@pytest.mark.parametrize(
    "drift",
    [
        "ip link set br-t-n arp off",
        "ip link set br-t-n type bridge stp_state 1",
        "ip link set va0 mtu 1400",
        "ip link set va0 type bridge_slave locked on",
        "ip -n t-a route del 10.91.0.0/24",
        f"ip rule add pref 1000 nop protocol {PROTOCOL}",
    ],
)
def test_what_was_put_right_before_an_apply_failed_stays_so(lab: Lab, wired: State, drift: str):
    """And is no way back that failed."""
    wired |= state(HERE, Rule(family="inet", priority="1000", action="lookup", table="254"))
    reconcile(wired, Linux())
    bad = Route(ns=HOST, dst="10.9.0.0/16", link=BRIDGE.name, via="203.0.113.1")
    lab.run(drift)
    assert steps(wired)
    with pytest.raises(KernelError, match="invalid gateway"):
        reconcile({**wired, bad.key: bad}, Linux())
    assert Linux().observe(wired.values()).keys() == wired.keys()
    reconcile(wired, Linux())
    assert steps(wired) == []


def test_a_renamed_end_is_still_known(lab: Lab, wired: State):
    lab.ip("link set va0 down\nlink set va0 name other\nlink set other up")
    assert steps(wired) == ["- link t-a/eth0", "+ link t-a/eth0"]  # host_name cannot change in place
    reconcile(wired, Linux())
    assert "other" not in lab.links()


def test_a_pair_whose_sandbox_lost_its_name_is_a_stray(lab: Lab, wired: State):
    with lab.inside("t-a"):  # somebody is still in it
        holder = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    netns.remove("t-a")
    found = Linux().observe()["link host/va0"]
    assert isinstance(found, OrphanVeth) and found.project == "t"
    reconcile(wired, Linux())
    assert steps(wired) == []
    os.close(holder)


def test_links_that_a_killed_apply_had_regrouped_are_removed(lab: Lab, wired: State):
    lab.ip(f"link set va0 group {TO_DELETE}\nlink set br-t-n group {TO_DELETE} down")
    reconcile(wired, Linux())
    assert steps(wired) == []
    lab.ip(f"link set va0 group {TO_DELETE}\nlink set br-t-n group {TO_DELETE}")
    reconcile({}, Linux())
    assert not {"va0", "br-t-n"} & set(lab.links())


def test_one_broken_name_does_not_hide_the_others(lab: Lab, wired: State):
    os.symlink("/nowhere", "/run/netns/a-dangling")
    os.symlink("a-circle", "/run/netns/a-circle")
    Path("/run/netns/a-leftover").touch()
    Path("/run/netns/a-folder").mkdir()
    Path("/run/netns/a-file").touch()
    lab.run("mount --bind /etc/hostname /run/netns/a-file")
    assert steps(wired) == []


def test_a_crash_s_empty_file_is_replaced(lab: Lab):
    os.makedirs("/run/netns")
    Path("/run/netns/t-a").touch()
    reconcile(state(BOX), Linux())
    assert steps(state(BOX)) == []


def test_a_second_name_of_a_sandbox_is_not_ours_to_remove(lab: Lab, wired: State):
    Path("/run/netns/alias").touch()
    lab.run("mount --bind /run/netns/t-a /run/netns/alias")
    assert steps(wired) == []
    assert Linux().facts().namespaces == {"alias"}


def test_somebodys_pair_between_sandboxes_is_not_taken_for_ours(lab: Lab, wired: State):
    """Its indexes are made to agree, crosswise, with those of a pair of ours."""
    other = Namespace(name="t-b", project="t")
    ends = [
        replace(VETH, ns="t-b", name=f"eth{n}", host_name=f"vb{n}", mac=f"02:00:00:00:00:b{n}")
        for n in (0, 1)
    ]
    wanted = {**wired, **state(other, *ends)}
    reconcile(wanted, Linux())
    outer, inner = lab.link("vb1")["ifindex"], lab.link("eth1", "t-b")["ifindex"]
    lab.run(f"ip -n t-a link add x index {inner} type veth peer name y index {outer} netns t-b")
    assert Linux().observe().keys() == wanted.keys()
    lab.ip("link set vb1 alias theirs")  # and without the alias to tell, the kernel's numbers do
    assert Linux().observe().keys() == wanted.keys()
    reconcile(wanted, Linux())
    assert "vb1" in lab.links() and "x" in lab.links("t-a")


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("ip netns add t-a", BOX),
        ("ip link add br-t-n type bridge", BRIDGE),
        ("ip link add va0 type veth peer name other", VETH),
    ],
)
def test_what_is_somebody_elses_is_never_taken_over(lab: Lab, command: str, wanted: Resource):
    lab.run(command)
    before = lab.snapshot()
    with pytest.raises(Foreign):
        reconcile(state(BOX, BRIDGE, VETH, wanted), Linux())
    assert lab.snapshot() == before


@pytest.mark.parametrize("kind", ["-D /etc/hostname", "-d"], ids=["file", "folder"])
def test_a_file_of_somebody_elses_is_the_trouble_of_its_sandbox_alone(lab: Lab, kind: str):
    """Also of what would stand on the host's end of its pair."""
    pair, other = replace(VETH, bridge="", host_name="vp0"), replace(BOX, name="t-b")
    end = Address(ns=HOST, link="vp0", ip="10.9.0.1", prefix=32)
    wanted = state(BOX, BRIDGE, pair, HOSTS, other, end, Route(ns=HOST, link="vp0", dst="10.9.0.2/32"))
    lab.run(f"install {kind} {HOSTS.path}")
    for stands in (["t-b"], ["t-a", "t-b"]):
        with pytest.raises(FailedInPart, match=f"sandbox t-a is left as it is: {HOSTS.path} exists and"):
            reconcile(wanted, Linux())
        assert lab.namespaces() == stands and os.path.exists(HOSTS.path)
        os.rename(HOSTS.path, f"{HOSTS.path}.theirs")
        lab.run("ip netns del t-b")
        reconcile(wanted, Linux())
        assert steps(wanted) == []
        lab.run(f"rm {HOSTS.path}")
        os.rename(f"{HOSTS.path}.theirs", HOSTS.path)
        lab.run("ip netns del t-b")


def test_a_name_that_was_taken_since_the_plan_is_not_covered(lab: Lab):
    lab.run("ip netns add t-a")
    theirs = os.stat("/run/netns/t-a").st_ino
    with pytest.raises(KernelError, match="another namespace has this name"):
        Linux().execute([Step("+", BOX)])
    assert os.stat("/run/netns/t-a").st_ino == theirs
    assert Path("/proc/self/mounts").read_text().count("/run/netns/t-a ") == 1


@pytest.mark.parametrize("resource", [VETH, HERE, DEFAULT, BOX], ids=str)
@pytest.mark.parametrize("gone", ["sandbox", "link"])
def test_removing_what_has_gone_by_itself_is_no_failure(
    lab: Lab, wired: State, resource: Resource, gone: str
):
    lab.run("ip netns del t-a" if gone == "sandbox" else "ip -n t-a link del eth0")
    Linux().execute([Step("-", resource, resource)])


def test_a_refused_step_leaves_no_half_made_sandbox(lab: Lab):
    bad = replace(DEFAULT, via="203.0.113.1")
    with pytest.raises(KernelError, match=r"^\+ route t-a/main/0.0.0.0/0: Nexthop has invalid gateway"):
        Linux().execute([Step("+", r) for r in (BOX, replace(VETH, bridge=""), HERE, bad)])
    assert lab.namespaces() == []
    deadline = time.monotonic() + 5  # the kernel buries a namespace in its own time
    while "va0" in lab.links() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "va0" not in lab.links()


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc/passwd"])
def test_a_name_never_leads_out_of_its_folder(name: str):
    with pytest.raises(ValueError, match="no namespace can be called"):
        netns.path(name)


def test_a_service_s_umask_does_not_hide_names_from_others(lab: Lab):
    before = os.umask(0o077)
    try:
        reconcile(state(BOX, HOSTS), Linux())
    finally:
        os.umask(before)
    modes = [os.stat(path).st_mode & 0o777 for path in ("/run/netns", "/etc/netns/t-a", HOSTS.path)]
    assert modes == [0o755, 0o755, 0o644]


def test_names_reach_mount_namespaces_made_before(lab: Lab):
    """As with `ip netns add`: a service that started earlier sees a sandbox that is made later."""
    reconcile(state(BOX), Linux())
    script = "echo ready; read go; stat -f -c %T /run/netns/t-b"
    words = ["unshare", "-m", "--propagation", "unchanged", "sh", "-c", script]
    with subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as service:
        assert service.stdout.readline() == "ready\n"
        reconcile(state(BOX, Namespace(name="t-b", project="t")), Linux())
        assert service.communicate("go\n", timeout=10)[0] == "nsfs\n"


@pytest.mark.parametrize(
    "own6",
    [
        "type ether_addr . ipv6_addr; elements = {{ 02:00:00:00:00:0a . fd91::99 }}",
        "type ifname . ether_addr . ipv6_addr; elements = {{ {end} . 02:00:00:00:00:0a . {ip6} }}",
        "type ifname . ether_addr . inet_service; elements = {{ {end} . 02:00:00:00:00:0a . 80 }}",
    ],
    ids=["two parts", "as addresses, before it held numbers", "no addresses"],
)
def test_a_guard_of_another_form_is_replaced_and_addresses_stay(lab: Lab, own6: str):
    manifest = "{name: t, networks: {n: {enable_ipv6: true}}, containers: {a: {networks: [n]}}}"
    lab.apply(manifest)
    before = lab.address("t-a"), lab.address("t-a", family=6)
    [end] = [link for link in lab.links() if link.startswith("ve")]
    own4 = f"type ifname . ether_addr . inet_proto; elements = {{ {end} . 02:00:00:00:00:0a . tcp }}"
    formed = own6.format(end=end, ip6=before[1])
    lab.nft(
        "delete table bridge reconciler\nadd table bridge reconciler\n"
        f"add set bridge reconciler own4 {{ {own4}; }}\nadd set bridge reconciler own6 {{ {formed}; }}\n"
    )
    lab.apply(manifest)
    assert (lab.address("t-a"), lab.address("t-a", family=6)) == before
    assert lab.planned(manifest) == []
