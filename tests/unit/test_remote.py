"""Networks of remote drivers, as they are decided: who may have one, and what all hosts agree on."""

import pytest

from reconciler.core.resource import State
from reconciler.errors import ManifestErrors
from reconciler.inventory.facts import Facts, RemotePlugin
from reconciler.kinds.remote import RemoteEndpoint, RemoteNetwork
from reconciler.pipeline import decide, load

LOCAL = RemotePlugin("weft", "unix:///run/docker/plugins/weft.sock", "local")
GLOBAL = LOCAL._replace(scope="global")
HOSTS = """
name: t
hosts: {one: {address: 192.0.2.1}, two: {address: 192.0.2.2}}
networks: {lan: {driver: weft}}
containers:
  a: {host: one, networks: [lan]}
  b: {host: two, networks: [lan]}
  c: {host: two, networks: [lan]}
"""
TEXT = "{name: t, networks: {lan: {driver: weft}}, containers: {a: {networks: [lan]}}}"


def desired(text: str, plugin: RemotePlugin | None, name: str = "one", **facts: object) -> State:
    plugins = {plugin.name: plugin} if plugin else {}
    known = Facts(name=name, machine=name, plugins=plugins, **facts)
    return decide(load(["-"], stdin=text, environ={}), known)[1]


def remote(state: State) -> tuple[RemoteNetwork, dict[str, RemoteEndpoint]]:
    (network,) = (r for r in state.values() if isinstance(r, RemoteNetwork))
    return network, {r.ns: r for r in state.values() if isinstance(r, RemoteEndpoint)}


def test_hosts_agree_on_a_network_of_global_scope():
    (one, here), (two, there) = (remote(desired(HOSTS, GLOBAL, name)) for name in ("one", "two"))
    assert one == two and [*here] == ["t-a"] and sorted(there) == ["t-b", "t-c"]
    addresses = [*here["t-a"].chosen, *there["t-b"].chosen, *there["t-c"].chosen, *one.subnets]
    assert len({*addresses}) == 4
    assert here["t-a"].leads == ("4",)


def test_each_host_has_its_own_network_of_local_scope():
    (one, _), (two, _) = (remote(desired(HOSTS, LOCAL, name)) for name in ("one", "two"))
    assert one.ident != two.ident


@pytest.mark.parametrize(
    ("plugin", "driver", "words"),
    [
        (None, "weft", "unknown driver `weft`: neither built in nor installed, and no plugin in /run/docker"),
        (LOCAL, "brigde", "did you mean `bridge`?"),
        (LOCAL, "reconciler", "our own plugin is no driver of ours"),
        (LOCAL._replace(lack="it hangs"), "weft", "plugin weft at unix:.* cannot be used: it hangs"),
    ],
)
def test_who_is_no_driver_is_told_at_its_network(plugin, driver, words):
    with pytest.raises(ManifestErrors, match=words) as caught:
        desired(TEXT.replace("weft", driver), plugin)
    (error,) = caught.value.errors
    assert error.where and error.where.path == "networks.lan"


def test_what_was_given_instead_stays_asked_for_as_it_was():
    network, ends = remote(desired(TEXT, LOCAL))
    given = str(network.subnets[0]).replace(".1/", ".77/")
    facts = {
        "leases": {("t-a", "t_lan"): (given.partition("/")[0],)},
        "instead": {("t-a", "t_lan"): ((given,), ends["t-a"].chosen)},
    }
    again, same = remote(desired(TEXT, LOCAL, **facts))
    assert (again, same) == (network, ends)


def test_a_plugin_that_is_silent_is_a_warning():
    told = desired(TEXT, LOCAL._replace(silent="nobody listens"))
    assert told == desired(TEXT, LOCAL)
    silent = Facts(plugins={"weft": LOCAL._replace(silent="nobody listens")})
    topology, _ = decide(load(["-"], stdin=TEXT, environ={}), silent)
    words = "plugin weft does not answer (nobody listens): network t_lan cannot be changed"
    assert words in str(topology.warnings)
