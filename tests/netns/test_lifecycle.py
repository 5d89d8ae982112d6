"""Apply, change, destroy: what was declared stands, and of everything else not a byte moved."""

import subprocess
import time

import pytest

from tests.netns.lab import Lab
from tests.netns.samples import BROKEN, MORE, OTHER, WEB
from tests.netns.snapshot import differing

# the laws


def test_a_plan_after_apply_is_empty(lab):
    lab.apply(WEB)
    assert lab.planned(WEB) == []
    assert lab.plan(WEB, "--exit-code").rc == 0


def test_a_second_apply_changes_nothing(lab):
    lab.apply(WEB)
    before = lab.snapshot()
    lab.apply(WEB)
    assert differing(before, lab.snapshot()) == {}


def test_destroy_leaves_the_host_byte_identical(lab):
    before = lab.snapshot()
    lab.apply(WEB)
    assert lab.snapshot() != before
    said = lab.destroy()
    assert differing(before, lab.snapshot()) == {}
    assert "ip_forward" in said.out + said.err


def test_destroy_after_every_kind_of_network(lab):
    before = lab.snapshot()
    lab.apply("""{name: t, networks: {a: {enable_ipv6: true}, b: {internal: true}, c: {icc: false, mtu: 1300},
        d: {gateway_mode: routed}, e: {driver: none}},
        containers: {one: {networks: [a, b, c], ports: ['127.0.0.1:1:1', '8000-8100:8000-8100/udp', '80']},
        two: {networks: [d], ports: ['80:80']}, three: {network_mode: none}, four: {network_mode: host}}}""")
    lab.destroy()
    assert differing(before, lab.snapshot()) == {}


def test_destroy_while_processes_run_in_the_sandboxes(lab):
    before = lab.snapshot()
    lab.apply(WEB)
    with lab.inside("t-web"):
        process = subprocess.Popen(["sleep", "60"])
    lab.destroy()
    process.kill()
    process.wait()
    assert differing(before, lab.snapshot()) == {}


def test_destroy_by_name_needs_no_file(lab):
    before = lab.snapshot()
    lab.apply(WEB)
    lab.destroy("--project", "t")
    assert differing(before, lab.snapshot()) == {}


def test_destroy_twice(lab):
    lab.apply(WEB)
    lab.destroy()
    lab.destroy()


def test_a_refused_step_rolls_everything_back(lab):
    before = lab.snapshot()
    result = lab.try_apply(BROKEN)
    assert result.rc == 1, result
    assert "tcp_keepalive_time" in result.err
    assert differing(before, lab.snapshot()) == {}


def test_a_refused_step_of_a_change_leaves_what_stood(lab):
    lab.apply(WEB)
    lab.serve("t-web", 80)
    before = lab.snapshot()
    with lab.flow("R", "198.51.100.1", 8080, "tcp") as flow:
        assert lab.try_apply(BROKEN).rc == 1
    assert differing(before, lab.snapshot()) == {}
    assert not flow.error
    assert lab.planned(WEB) == []


def test_a_name_that_the_kernel_has_already_is_rolled_back(lab):
    """The host end of a pair is in the way, as somebody else's link."""
    lab.apply(WEB)
    host_end = next(link["ifname"] for link in lab.json("ip -j link") if link.get("master") == "br-t-n")
    lab.destroy()
    lab.run(f"ip link add {host_end} type bridge")
    before = lab.snapshot()
    result = lab.try_apply(WEB)
    assert result.rc in (1, 65), result
    assert host_end in result.err
    assert differing(before, lab.snapshot()) == {}


# what is not ours


def strangers(lab: Lab) -> None:
    """Somebody else's links, namespace, routes, rules and tables, some under names like ours."""
    lab.ip("""link add br-foreign type bridge
link set br-foreign addrgenmode none
link set br-foreign up
addr add 172.31.0.1/24 dev br-foreign
link add vefff1 type veth peer name vefff2
route add 10.200.0.0/16 via 198.51.100.2
rule add pref 1000 from 10.200.0.0/16 lookup 100
route add default via 198.51.100.2 table 100""")
    lab.run("ip netns add t-foreign")
    lab.nft("add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; }")
    lab.nft("add rule ip filter FORWARD counter")
    lab.nft("add table inet reconcile; add set inet reconcile s { type ipv4_addr; elements = { 10.0.0.1 } }")
    lab.sysctl("net/ipv4/conf/uplink/rp_filter", value=2)


def test_what_is_not_ours_is_never_touched(lab):
    strangers(lab)
    before = lab.snapshot()
    for manifest in (WEB, MORE, WEB.replace("8080", "9090"), WEB):
        lab.apply(manifest)
        assert "172.31.0.1/24" in lab.run("ip addr show br-foreign").out
    lab.destroy()
    assert differing(before, lab.snapshot()) == {}


def test_two_projects_do_not_touch_each_other(lab):
    lab.apply(WEB)
    alone = lab.snapshot()
    file = lab.write(OTHER, "o.yaml")
    lab.succeed(lab.reconcile("--apply", file))
    assert lab.planned(WEB) == []
    lab.succeed(lab.reconcile("--destroy", file))
    assert differing(alone, lab.snapshot()) == {}


@pytest.mark.parametrize("first", ["t", "o"])
def test_what_is_the_hosts_goes_with_the_last_project(lab, first):
    before = lab.snapshot()
    lab.apply(WEB)
    lab.succeed(lab.reconcile("--apply", lab.write(OTHER, "o.yaml")))
    for project in sorted(("t", "o"), key=lambda name: name != first):
        lab.destroy("--project", project)
    assert differing(before, lab.snapshot()) == {}


# killed in the middle


@pytest.mark.parametrize("share", [0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
def test_killed_in_the_middle_the_next_apply_converges(lab, share):
    before = lab.snapshot()
    containers = {f"c{i}": {"networks": ["n"], "ports": [f"{8000 + i}:80"]} for i in range(20)}
    manifest = {"name": "t", "networks": {"n": {"enable_ipv6": True}}, "containers": containers}
    began = time.monotonic()
    lab.apply(manifest)
    whole = time.monotonic() - began
    lab.destroy()
    process = lab.start("--apply", lab.write(manifest))
    time.sleep(whole * share)
    process.kill()
    process.communicate()
    lab.apply(manifest)
    assert lab.planned(manifest) == []
    lab.destroy()
    assert differing(before, lab.snapshot()) == {}
