"""What a throw-away host cannot be brought to: limits of the whole machine, and what cannot be read."""

from dataclasses import replace

import pytest

from reconciler.core.resource import state
from reconciler.doctor import CHECKS, diagnoses
from reconciler.doctor.finding import Examination
from reconciler.doctor.managers import connman, dhcpcd, network_manager, networkd
from reconciler.doctor.routing import assignments
from reconciler.inventory.facts import Device, Facts
from reconciler.inventory.vitals import Vitals, dotted
from reconciler.kernel.observe.vitals import COUNTS, SYSCTLS, vitals
from reconciler.kinds.wireguard import Wireguard
from tests.golden.test_golden import ROOT, change

NOTHING = Facts()
NM, NETWORKD = "/etc/NetworkManager/conf.d/a.conf", "/etc/systemd/networkd.conf.d/a.conf"
BOTH = "[keyfile]\nunmanaged-devices=interface-name:br-*,interface-name:ve*"
KEPT = "[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules = false"
QUIET = Vitals(sysctls=dict.fromkeys(SYSCTLS, "1000") | {"net/ipv4/ip_no_pmtu_disc": "0"})


def found(examined: Vitals, facts: Facts = NOTHING, *live: object) -> dict[str, list[str]]:
    host = Examination(facts, examined, state(*live), frozenset())
    return {one.check.id: [finding.mend for finding in one.findings] for one in diagnoses(host)}


@pytest.mark.parametrize(
    ("check", "name"),
    [
        ("inotify", "fs/inotify/max_user_instances"),
        ("conntrack", "net/netfilter/nf_conntrack_max"),
        ("neighbours", "net/ipv6/neigh/default/gc_thresh3"),
        ("open-files", "fs/file-max"),
    ],
)
def test_a_limit_is_nearly_used_up_at_four_fifths(check, name):
    used = dict.fromkeys(SYSCTLS, 10)
    assert found(replace(QUIET, used=used | {name: 799}))[check] == []
    (mend,) = found(replace(QUIET, used=used | {name: 800}))[check]
    assert mend.startswith(f"sysctl -w {dotted(name)}=4000 && ")


def test_what_cannot_be_read_is_said_and_no_finding():
    host = Examination(Facts(), Vitals(), {}, frozenset())
    untold = {one.check.id: one.untold for one in diagnoses(host) if one.state == "unknown"}
    assert untold.keys() == {"inotify", "conntrack", "neighbours", "open-files", "path-mtu"}
    assert untold["path-mtu"] == "net.ipv4.ip_no_pmtu_disc cannot be read here"


def test_a_link_that_encrypts_is_held_against_what_leads_out():
    link = Wireguard(ns="host", name="wg", mtu=1440, project="t", port=1, public_key="k", peers=())
    for mtu, bites in ((1500, False), (1492, True)):
        facts = Facts(links={"eth0": Device(mtu=mtu)}, uplinks=frozenset({"eth0"}))
        assert bool(found(QUIET, facts, link)["tunnel-mtu"]) is bites


@pytest.mark.parametrize(
    ("spares", "path", "text", "is_told"),
    [
        (network_manager, NM, "unmanaged-devices=interface-name:br-*", False),
        (network_manager, NM, BOTH, True),
        (network_manager, NM, "unmanaged-devices=*", True),
        (networkd, "/etc/systemd/networkd.conf", "[Network]\nManageForeignRoutes=no", False),
        (networkd, NETWORKD, KEPT, True),
        (connman, "/etc/connman/main.conf", "NetworkInterfaceBlacklist=veth,br-", False),
        (connman, "/etc/connman/main.conf", "NetworkInterfaceBlacklist=ve,br-", True),
        (dhcpcd, "/etc/dhcpcd.conf", "denyinterfaces br-* veth*", False),
        (dhcpcd, "/etc/dhcpcd.conf", "denyinterfaces br-*\ndenyinterfaces ve*", True),
        (dhcpcd, "/etc/dhcpcd.conf", "allowinterfaces eth0", True),
    ],
)  # fmt: skip
def test_whether_a_program_leaves_our_links_alone(spares, path, text, is_told):
    assert not spares({}) and spares({path: text}) is is_told


def test_the_last_file_by_its_name_counts_whichever_its_folder():
    texts = {
        "/etc/sysctl.conf": "a=4",
        "/usr/lib/sysctl.d/90-x.conf": "a=3",
        "/etc/sysctl.d/10-x.conf": "-a = 1\n#a=2",
    }
    assert [value for _, value, *_ in assignments(texts)] == ["1", "3", "4"]


def test_what_this_machine_says_is_numbers():
    said = vitals((), ())
    assert said.sysctls.keys() <= {*SYSCTLS} and all(
        text.split()[0].isdecimal() for text in said.sysctls.values()
    )
    assert (
        all(count >= 0 for count in said.used.values())
        and {"fs/file-max"} <= said.used.keys() & COUNTS.keys()
    )
    assert said.programs and said.metadata == {}


def test_on_a_lan_no_manifest_keeps_metadata_from_anybody(monkeypatch):
    monkeypatch.chdir(ROOT)
    for case, name, more in (
        ("lan-bridge", "office-files", ["# of office-files only the router of their LAN can keep it"]),
        ("hello", "hello-web", []),
    ):
        live = change(f"manifests/{case}").desired.values()
        [mend] = found(replace(QUIET, metadata={name: ("169.254.169.254",)}), NOTHING, *live)["metadata"]
        project = name.partition("-")[0]
        assert mend.splitlines() == [f"# write `metadata: deny` into {project}, and apply", *more]


def test_each_check_has_a_name_of_its_own():
    assert len({check.id for check in CHECKS}) == len({check.title for check in CHECKS}) == len(CHECKS)
