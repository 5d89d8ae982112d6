"""The drivers none and host: a sandbox with nothing but lo, and no sandbox at all."""

import pytest


@pytest.mark.parametrize(
    "manifest",
    [
        "{name: t, containers: {a: {network_mode: none}}}",
        "{name: t, networks: {n: {driver: none}}, containers: {a: {networks: [n]}}}",
    ],
    ids=["network_mode", "driver"],
)
def test_none_has_lo_only_and_up(lab, manifest):
    lab.apply(manifest)
    assert lab.links("t-a") == ["lo"]
    assert "UP" in lab.link("lo", "t-a")["flags"]
    assert lab.routes("t-a") == []
    assert lab.ping("t-a", "127.0.0.1") and lab.ping("t-a", "::1")
    assert lab.planned(manifest) == []


def test_none_reaches_nobody(lab):
    lab.apply("{name: t, containers: {a: {network_mode: none}}}")
    lab.serve("R", 80)
    lab.silent(("t-a", "198.51.100.2", 80), ("t-a", "2001:db8:1::2", 80))


def test_none_publishes_nothing(lab):
    result = lab.try_apply("{name: t, containers: {a: {network_mode: none, ports: ['8080:80']}}}")
    assert result.rc in (0, 65), result
    lab.silent(("R", "198.51.100.1", 8080))


@pytest.mark.parametrize(
    "manifest",
    [
        "{name: t, services: {web: {image: x, network_mode: host}}}",
        "{name: t, networks: {h: {driver: host}}, services: {web: {image: x, networks: [h]}}}",
    ],
    ids=["network_mode", "driver"],
)
def test_host_makes_nothing_at_all(lab, manifest):
    before = lab.snapshot()
    lab.apply(manifest)
    after = lab.snapshot()
    assert after["namespaces"] == before["namespaces"]
    assert after["ip -d link"] == before["ip -d link"]
    assert "dnat" not in after["nft list ruleset"]


def test_host_with_ports_is_a_warning_as_in_compose(lab):
    manifest = "{name: t, services: {web: {image: x, network_mode: host, ports: ['80:80']}}}"
    said = lab.succeed(lab.reconcile("--plan", lab.write(manifest))).err
    assert "services.web.ports[0]: ports of web are not published: it has the host's network" in said


def test_host_may_expose(lab):
    lab.apply("{name: t, services: {web: {image: x, network_mode: host, expose: ['80']}}}")


def test_host_beside_bridge_answers_on_port_80_of_the_host(lab):
    lab.apply("{name: t, services: {web: {image: x, network_mode: host}, db: {image: x}}}")
    lab.serve("", 80, name="web")
    assert lab.ask("R", "198.51.100.1", 80) == "web 198.51.100.2"
    assert lab.namespaces() == ["t-db-1"]


@pytest.mark.parametrize("mode", ["service:web", "container:t-web-1"])
def test_a_container_in_anothers_sandbox_has_none_of_its_own(lab, mode):
    lab.apply(f"{{name: t, services: {{web: {{image: x}}, side: {{image: x, network_mode: '{mode}'}}}}}}")
    assert lab.namespaces() == ["t-web-1"]
