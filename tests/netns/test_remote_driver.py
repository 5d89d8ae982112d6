"""Networks of a remote driver of libnetwork that records, and what plugins should not do."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.kernel.remote import discovery, driver, http
from tests.netns.conftest import new_lab
from tests.netns.lab import Lab
from tests.netns.losses import losses
from tests.netns.watching import EVENT, watching

PLUGINS = Path("/run/docker/plugins")
HOME = PLUGINS / "weft"
RECORDS = Path("/run/reconciler/plugins")
IPAM = {"config": [{"subnet": "10.7.0.0/24"}]}
JOINED = ["CreateEndpoint", "Join", "ProgramExternalConnectivity", "EndpointOperInfo"]
PARTED = ["RevokeExternalConnectivity", "Leave", "DeleteEndpoint"]


class Plugin:
    """A process that is `weft`; what it has been asked."""

    def __init__(self) -> None:
        HOME.mkdir(parents=True)
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        socket = HOME / "weft.sock"
        socket.unlink(missing_ok=True)
        program = Path(__file__).parent / "remote_plugin.py"
        self.process = subprocess.Popen([sys.executable, program, socket])
        deadline = time.monotonic() + 10
        while not socket.exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def does(self, *ways: str) -> None:
        """What is asked from here on is written down anew."""
        (HOME / "does").write_text("\n".join(ways))
        (HOME / "log").write_text("")

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (HOME / "log").read_text().splitlines()]

    @property
    def methods(self) -> list[str]:
        return [call["method"] for call in self.calls]

    def body(self, method: str) -> dict[str, Any]:
        return next(call["body"] for call in self.calls if call["method"] == method)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PATIENCE", 1.0)
    monkeypatch.setattr(driver, "IMPATIENCE", 0.2)
    monkeypatch.setattr(discovery, "QUICKLY", 1.0)


@pytest.fixture
def weft(lab: Lab, patience: None) -> Iterator[Plugin]:
    plugin = Plugin()
    plugin.does()
    yield plugin
    plugin.stop()


@pytest.fixture(scope="module")
def host(privileged: None) -> Iterator[tuple[Lab, Plugin]]:
    """A host with the plugin, of whose ways each test leaves nothing."""
    with new_lab() as made:
        plugin = Plugin()
        yield made, plugin
        plugin.stop()


def manifest(*names: str, **more: Any) -> dict[str, Any]:
    containers: dict[str, Any] = {name: {"networks": ["lan"]} for name in names or ("web",)}
    return {"name": "t", "networks": {"lan": {"driver": "weft", **more}}, "containers": containers}


def is_gone(lab: Lab) -> None:
    assert lab.namespaces() == [] and not RECORDS.exists()
    assert [name for name in lab.links() if name[:2] in ("rb", "ri", "ro")] == []


def test_two_containers_reach_each_other(lab, weft):
    text = manifest("web", "db", enable_ipv6=True)
    lab.stands(text)
    lab.serve("t-web", 80)
    web, db = lab.address("t-web"), lab.address("t-db")
    assert lab.ask("t-db", web, 80) == f"t-web {db}"
    web6, db6 = (lab.address(ns, family=6) for ns in ("t-web", "t-db"))
    assert lab.ask("t-db", web6, 80) == f"t-web {db6}"
    shown = lab.succeed(lab.reconcile("--show", lab.files / "t.yaml")).out
    assert f"t-web eth0  {web}" in shown and "weft unix:///run/docker/plugins/weft/weft.sock" in shown
    lab.destroy()
    is_gone(lab)


def test_what_it_is_asked_and_in_which_order(lab, weft):
    text = manifest(ipam=IPAM, driver_opts={"colour": "red", "mtu": 1400})
    text["containers"]["web"] = {
        "networks": {"lan": {"ipv4_address": "10.7.0.9", "driver_opts": {"weft.queue": "5"}}},
        "ports": ["8080:80", "5000-5001:90-91/udp", "7"],
    }
    lab.stands(text)
    first = ["Activate", "GetCapabilities"]
    assert weft.methods == [*first, *first, "CreateNetwork", *JOINED]
    made, created, joined = (weft.body(name) for name in ("CreateNetwork", "CreateEndpoint", "Join"))
    network, endpoint = made["NetworkID"], created["EndpointID"]
    assert all(len(ident) == 64 and int(ident, 16) for ident in (network, endpoint))
    assert made == {
        "NetworkID": network,
        "Options": {
            "com.docker.network.generic": {"colour": "red", "com.docker.network.driver.mtu": "1400"},
            "com.docker.network.enable_ipv6": False,
        },
        "IPv4Data": [
            {
                "AddressSpace": "LocalDefault",
                "Pool": "10.7.0.0/24",
                "Gateway": "10.7.0.1/24",
                "AuxAddresses": {},
            }
        ],
        "IPv6Data": [],
    }
    mac = lab.link("eth0", "t-web")["address"]
    assert created["NetworkID"] == network
    assert created["Interface"] == {"Address": "10.7.0.9/24", "AddressIPv6": "", "MacAddress": mac}
    options = created["Options"]
    assert options["weft.queue"] == "5"
    ports = [
        (one["Proto"], one["Port"], one["HostPort"], one["HostPortEnd"])
        for one in options["com.docker.network.portmap"]
    ]
    assert ports == [(6, 80, 8080, 8080), (17, 90, 5000, 5000), (17, 91, 5001, 5001), (6, 7, 0, 0)]
    assert options["com.docker.network.endpoint.exposedports"][1] == {"Proto": 17, "Port": 90}
    assert joined == {
        "NetworkID": network,
        "EndpointID": endpoint,
        "SandboxKey": "/run/netns/t-web",
        "Options": options,
    }
    assert lab.link("eth0", "t-web")["mtu"] == 1400
    assert lab.routes("t-web") == [
        "default via 10.7.0.1 dev eth0 proto static onlink",
        "10.7.0.0/24 dev eth0 proto kernel scope link src 10.7.0.9",
        "10.77.0.0/16 via 10.7.0.1 dev eth0 proto static onlink",
        "10.78.0.0/16 dev eth0 proto static scope link",
    ]
    files = [path for path in RECORDS.rglob("*") if path.is_file()]
    assert len(files) == 2 and {path.stat().st_mode & 0o777 for path in files} == {0o600}
    weft.does()
    lab.destroy()
    assert weft.methods == [*first, *PARTED, "DeleteNetwork"]
    assert weft.body("Leave") == {"NetworkID": network, "EndpointID": endpoint}
    assert weft.body("DeleteNetwork") == {"NetworkID": network}
    is_gone(lab)


def test_a_changed_option_makes_it_anew(lab, weft):
    lab.stands(manifest("web", "db", driver_opts={"colour": "red"}))
    before = lab.address("t-web")
    weft.does()
    text = manifest("web", "db", driver_opts={"colour": "blue"})
    assert lab.planned(text) == [
        "delete endpoint t-web/eth0",
        "delete endpoint t-db/eth0",
        "delete network t_lan",
        "replace network t_lan",
        "replace endpoint t-db/eth0",
        "replace endpoint t-web/eth0",
    ]
    lab.stands(text)
    assert lab.address("t-web") == before
    done = weft.methods
    assert done.index("DeleteNetwork") > max(at for at, name in enumerate(done) if name == "DeleteEndpoint")
    assert done.index("DeleteNetwork") < done.index("CreateNetwork") < done.index("CreateEndpoint")


def test_what_is_lost_of_a_link_is_drift_and_is_healed(lab, weft):
    text = manifest("web", "db")
    lab.stands(text)
    address = lab.addresses("t-web")[0]
    for line, why in losses(address):
        lab.ip(line, "t-web")
        assert f"replaced: state {why} -> attached" in lab.succeed(lab.plan(text, "-o", "wide")).out
        lab.stands(text)
        assert lab.addresses("t-web") == [address]
        assert lab.ping("t-db", address.split("/")[0])


def test_a_sandbox_that_somebody_took_away_is_joined_anew(lab, weft):
    text = manifest("web", "db")
    lab.stands(text)
    lab.run("ip netns del t-web")
    assert "state its sandbox is no more" in lab.succeed(lab.plan(text, "-o", "wide")).out
    lab.stands(text)
    assert lab.ping("t-db", lab.address("t-web"))
    lab.run("ip netns del t-web")
    lab.run("ip netns del t-db")
    lab.destroy()
    is_gone(lab)


@pytest.mark.parametrize("which", ["networks/t_lan", "endpoints/t-web/eth0"])
def test_a_record_that_is_lost_or_spoilt_is_made_anew(lab, weft, which):
    text = manifest("web", "db")
    lab.stands(text)
    address = lab.address("t-web")
    for content in (None, "{}", "[1]", "{not", '{"format": 1}', "\0" * 9):
        if content is None:
            (RECORDS / which).unlink()
        else:
            (RECORDS / which).write_text(content)
        lab.stands(text)
        assert (RECORDS / which).read_text() != content
        assert lab.address("t-web") == address and lab.ping("t-db", address)
    lab.destroy()
    is_gone(lab)


def test_what_the_plugin_chooses_is_what_it_has(lab, weft):
    chosen = {"Address": "10.7.0.77/24", "MacAddress": "02:00:00:00:00:77"}
    (HOME / "interface").write_text(json.dumps({"Interface": chosen}))
    lab.apply(manifest(ipam=IPAM))
    assert lab.addresses("t-web") == ["10.7.0.77/24"]
    assert lab.link("eth0", "t-web")["address"] == "02:00:00:00:00:77"
    assert lab.planned(manifest(ipam=IPAM)) == []  # in the same run: nobody applies twice
    (HOME / "interface").unlink()
    weft.does()
    lab.stands(manifest(ipam=IPAM))
    assert "CreateEndpoint" not in weft.methods
    told = lab.run("dig +short +time=1 +tries=2 @127.0.0.11 web", "t-web").out
    assert told.split() == ["10.7.0.77"]


def forget(lab: Lab) -> None:
    """What a plugin that has died had made, and knows nothing of."""
    for name in [name for name in lab.links() if name[:2] in ("rb", "ro")]:
        lab.ip(f"link del {name}")


def beside(text: dict[str, Any]) -> dict[str, Any]:
    """And a container that has nothing to do with plugins."""
    text["networks"]["front"] = {}
    text["containers"]["other"] = {"networks": ["front"]}
    return text


@pytest.mark.parametrize(
    ("method", "way", "words"),
    [
        ("CreateNetwork", "err no room", "no room"),
        ("CreateNetwork", "hang", "no answer within 1 s"),
        ("CreateNetwork", "die", "plugin weft: NetworkDriver."),
        ("CreateEndpoint", "err500 no room", "no room"),
        ("CreateEndpoint", "drop", "its answer is no HTTP: RemoteDisconnected"),
        ("Join", "err no\x1b room", "no room"),
        ("Join", "err500 no room", "no room"),
        ("Join", "html500", "status 500 <h1>Internal Error</h1>"),
        ("Join", "hang", "no answer within 1 s"),
        ("Join", "drip", "no answer within 1 s"),
        ("Join", "flood", "it says more than 1024 KiB"),
        ("Join", "drop", "its answer is no HTTP: RemoteDisconnected"),
        ("Join", "die", "plugin weft: NetworkDriver."),
        ("Join", "noise", "its answer is no HTTP"),
        ("Join", "say {not", "its answer is no JSON: {not"),
    ],
)
def test_a_plugin_that_fails_is_told_of_and_holds_up_nobody(host, patience, method, way, words):
    lab, weft = host
    weft.does(f"{method} {way}")
    text = beside(manifest())
    result = lab.try_apply(text)
    assert result.rc == 3 and "plugin weft: " in result.err and words in result.err, result
    assert f"NetworkDriver.{method}" in result.err or way == "die", result
    assert "t.yaml:1:" in result.err and "Traceback" not in result.err
    assert "t-other" in lab.namespaces()
    assert ("t-web" in lab.namespaces()) == (way == "die" and method != "CreateNetwork")  # to be taken back
    if way == "die":
        weft.start()
        forget(lab)
        lab.destroy()
    weft.does()
    lab.stands(text)
    lab.destroy()
    is_gone(lab)


def test_a_join_that_fails_is_taken_back(lab, weft):
    weft.does("Join err no room")
    result = lab.try_apply(manifest())
    assert result.rc == 3 and "plugin weft: NetworkDriver.Join: no room" in result.err, result
    assert weft.methods[-4:] == ["CreateEndpoint", "Join", "Leave", "DeleteEndpoint"]
    assert not (RECORDS / "endpoints").exists() and (RECORDS / "networks/t_lan").exists()


@pytest.mark.parametrize(
    ("method", "said", "words"),
    [
        ("Join", '{"InterfaceName": {"SrcName": "nobody"}}', "it tells of a link nobody that is not there"),
        ("Join", '{"InterfaceName": {"SrcName": "uplink"}}', "uplink, which has addresses of the host"),
        ("Join", '{"InterfaceName": {"SrcName": "br-t-front"}}', "br-t-front, which is no link of its own"),
        ("Join", '{"InterfaceName": {"SrcName": "lo"}}', "lo, which is no link of its own"),
        ("Join", '{"InterfaceName": {"SrcName": "../x"}}', '"../x" can be no link\'s name'),
        ("Join", '{"InterfaceName": {"SrcName": "uplink"}, "Gateway": "no"}', "no routes are"),
        ("Join", '{"InterfaceName": {"SrcName": "uplink"}, "StaticRoutes": [5]}', "no routes are"),
        ("CreateEndpoint", '{"Interface": {"Address": "nowhere"}}', "no interface can have"),
        ("CreateEndpoint", '{"Interface": {"MacAddress": "01:00:00:00:00:00"}}', "no interface can have"),
        ("CreateEndpoint", '{"Interface": {"AddressIPv6": "10.7.0.9/24"}}', "no interface can have"),
        ("CreateEndpoint", '{"Interface": {"Address": "192.0.2.9/24"}}', "no interface can have"),
        ("CreateEndpoint", '{"Interface": {"AddressIPv6": "fd07::77"}}', "no interface can have"),
        (
            "Join",
            '{"InterfaceName": {"SrcName": "uplink"}, "StaticRoutes": [{"RouteType": 1}]}',
            "no routes are",
        ),
    ],
)
def test_who_tells_what_cannot_be_is_not_believed(host, patience, method, said, words):
    lab, weft = host
    weft.does(f"{method} say {said}")
    result = lab.try_apply(beside(manifest()))
    assert result.rc == 3 and words in result.err, result
    assert lab.namespaces() == ["t-other"] and "uplink" in lab.links()
    weft.does()
    lab.destroy()
    is_gone(lab)


def test_odd_answers_are_no_answers(lab, weft):
    for said in ("[]", "{}", "null", '{"Interface": [1]}', '{"InterfaceName": 5}'):
        weft.does(f"CreateEndpoint say {said}", f"Join say {said}")
        lab.stands(manifest())
        weft.does()
        lab.destroy()


def test_a_change_that_fails_leaves_what_was(lab, weft):
    lab.stands(manifest(driver_opts={"colour": "red"}))
    weft.does("CreateNetwork err no paint")
    result = lab.try_apply(beside(manifest(driver_opts={"colour": "blue"})))
    assert result.rc == 3 and "no paint" in result.err, result
    weft.does()
    lab.stands(manifest(driver_opts={"colour": "red"}))


def test_who_has_forgotten_all_is_told_anew(lab, weft):
    text = manifest("web", "db")
    lab.stands(text)
    weft.stop()
    result = lab.succeed(lab.plan(text))
    assert "Nothing to do" in result.out and "plugin weft does not answer" in result.err, result
    assert "t.yaml:1:" in result.err
    weft.start()
    lab.ip("link del eth0", "t-web")
    forget(lab)
    lab.destroy()
    is_gone(lab)


def test_without_its_plugin_nothing_of_it_changes(lab, weft):
    text = beside(manifest())
    lab.stands(text)
    weft.stop()
    lab.ip("link del eth0", "t-web")
    text["containers"]["more"] = {"networks": ["front"]}
    result = lab.try_apply(text)
    assert result.rc == 3 and "plugin weft: " in result.err, result
    assert lab.namespaces() == ["t-more", "t-other", "t-web"]
    result = lab.reconcile("--destroy", lab.files / "t.yaml")
    assert result.rc == 3 and lab.namespaces() == ["t-web"] and (RECORDS / "networks/t_lan").exists(), result
    weft.start()
    forget(lab)
    lab.destroy()
    is_gone(lab)


def test_a_plugin_that_is_not_there_makes_its_project_wait_alone(lab):
    lab.write("{name: u, containers: {a: {}}}", "u.yaml")
    lab.write(manifest())
    result = lab.reconcile("--apply", lab.files)
    words = "unknown driver `weft`: neither built in nor installed, and no plugin in /run/docker/plugins"
    assert result.rc == 3 and words in result.err and "t.yaml:1:" in result.err, result
    assert lab.namespaces() == ["u-a"]
    lab.refused({**manifest(), "networks": {"lan": {"driver": "brigde"}}}, "did you mean `bridge`?")
    lab.refused({**manifest(), "networks": {"lan": {"driver": "reconciler"}}}, "our own plugin is no driver")


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ('Activate say {"Implements": ["IpamDriver"]}', "it is no network driver: it implements IpamDriver"),
        ("Activate say {}", "it is no network driver: it implements nothing"),
        ('GetCapabilities say {"Scope": "cosmic"}', "its scope is 'cosmic'"),
        ("Activate hang", "Plugin.Activate: no answer within"),
    ],
)
def test_who_is_no_network_driver_is_refused(host, patience, way, words):
    lab, weft = host
    weft.does(way)
    lab.refused(manifest(), "plugin weft at unix:///run/docker/plugins/weft/weft.sock cannot be used", words)


def test_who_hangs_is_asked_once(lab, weft):
    """Though several networks have it, and why nothing can be decided is looked for."""
    weft.does("Activate hang")
    text = manifest()
    text["networks"]["other"] = {"driver": "weft"}
    began = time.monotonic()
    assert lab.plan(text).rc == 65
    assert weft.methods == ["Activate"], time.monotonic() - began


def test_specifications_tell_where_it_is(lab, weft):
    if Path("/etc/docker").is_symlink():
        Path("/etc/docker").unlink()
    spec = Path("/etc/docker/plugins")
    spec.mkdir(parents=True)
    (spec / "warp.spec").write_text(f"unix://{HOME}/weft.sock\n")
    (spec / "woof.json").write_text(json.dumps({"Name": "woof", "Addr": f"unix://{HOME}/weft.sock"}))
    text = manifest()
    for name in ("warp", "woof"):
        text["networks"]["lan"]["driver"] = name
        lab.stands(text)
    (spec / "woof.json").write_text("{}")
    result = lab.plan(text)
    assert result.rc == 65 and "woof.json tells no `Addr`" in result.err, result


@pytest.mark.parametrize("address", ["localhost:abc", "localhost:99999", "[x", "a..b:80"])
def test_an_address_that_can_be_none_is_the_trouble_of_who_names_it(lab, weft, address):
    if Path("/etc/docker").is_symlink():
        Path("/etc/docker").unlink()
    spec = Path("/etc/docker/plugins")
    spec.mkdir(parents=True)
    (spec / "warp.spec").write_text(f"tcp://{address}\n")
    text = manifest()
    text["networks"]["lan"]["driver"] = "warp"
    lab.write(text)
    lab.write("{name: u, containers: {a: {}}}", "u.yaml")
    result = lab.reconcile("--apply", lab.files)
    assert result.rc == 3 and "plugin warp at tcp://" in result.err and "Traceback" not in result.err, result
    assert lab.namespaces() == ["u-a"]


def test_addresses_are_the_same_however_a_plugin_writes_them(lab, weft):
    (HOME / "interface").write_text(json.dumps({"Interface": {"AddressIPv6": "FD07:0::77/64"}}))
    pools = {"config": [{"subnet": "10.7.0.0/24"}, {"subnet": "fd07::/64"}]}
    text = manifest(ipam=pools, enable_ipv6=True)
    text["containers"]["web"]["networks"] = {"lan": {"ipv6_address": "fd07::77"}}
    lab.stands(text)


def test_a_network_goes_when_nobody_is_on_it(lab, weft):
    """Whatever another plugin holds its sandbox up with: the network's own endpoints are gone by then."""
    lab.stands(manifest())
    weft.does("DeleteEndpoint drop")
    result = lab.reconcile("--destroy", lab.files / "t.yaml")
    assert result.rc == 3 and "t-web is on it still" in result.err and "DeleteNetwork" not in weft.methods, (
        result
    )
    weft.does()
    lab.destroy()
    is_gone(lab)


def test_networks_of_all_hosts_have_one_id(lab, weft):
    (HOME / "scope").write_text("global")
    lab.stands(manifest(ipam=IPAM))
    from reconciler.kinds.names import network_id

    assert weft.body("CreateNetwork")["NetworkID"] == network_id("t_lan")


def test_a_watcher_heals_what_is_lost(lab, weft):
    text = manifest("web", "db")
    file = lab.write(text)
    with watching(lab, file) as watcher:
        watcher.until(lambda: "eth0" in lab.links("t-web") and "eth0" in lab.links("t-db"), EVENT)
        lab.ip("link del eth0", "t-web")
        watcher.until(lambda: "eth0" in lab.links("t-web") and lab.planned(text) == [], EVENT)
        assert lab.ping("t-db", lab.address("t-web"))


def test_a_rehearsal_asks_nothing_of_it(lab, weft):
    result = lab.succeed(lab.reconcile("--rehearse", lab.write(manifest())))
    assert "rehears" in result.out + result.err and {*weft.methods} == {"Activate", "GetCapabilities"}
    assert not RECORDS.exists()


def test_validation_and_pictures_know_which_plugins_there_are(lab, weft):
    file = lab.write(manifest("web", "db"))
    assert "valid: 1 project" in lab.succeed(lab.reconcile("--validate", file)).out
    lab.succeed(lab.reconcile("--apply", file))
    picture = lab.files / "picture.json"
    lab.succeed(lab.reconcile("--status", "--out", picture, file))
    weft.stop()
    (HOME / "weft.sock").unlink()
    assert "Nothing to do" in lab.succeed(lab.reconcile("--plan", "--against", picture, file)).out
    assert "unknown driver `weft`" in lab.reconcile("--validate", file).err


def test_options_of_endpoints_are_a_plugins_alone(lab, weft):
    text = beside(manifest())
    text["containers"]["other"]["networks"] = {"front": {"driver_opts": {"weft.queue": "5"}}}
    lab.refused(text, "an endpoint has no option `weft.queue`")
    text = manifest()
    sysctls = {"com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.arp_notify=1"}
    text["containers"]["web"]["networks"] = {"lan": {"driver_opts": sysctls}}
    lab.refused(text, "no sysctls of it can be set")
