"""Services on a network that several projects share, each applied by itself."""

import pytest

from tests.netns.lab import Lab
from tests.netns.test_services import FAMILIES, each, lookup, serve, shop, spread, vip

GUEST = "{name: b, networks: {n: {name: t_n, external: true}}, services: {k: {networks: [n], scale: %d}}}"


@pytest.fixture
def shared(lab: Lab) -> Lab:
    apply(lab, "a", shop())
    serve(lab, 1, 2, 3)
    apply(lab, "b", GUEST % 1)
    return lab


def apply(lab: Lab, name: str, manifest: str) -> None:
    lab.succeed(lab.reconcile("--apply", lab.write(manifest, f"{name}/{name}.yaml").parent))


def again(lab: Lab, name: str) -> list[str]:
    return lab.succeed(lab.reconcile("--plan", "-o", "json", lab.files / name)).steps


def test_a_guest_is_led_to_all_replicas(shared):
    for family in FAMILIES:
        client = shared.address("b-k-1", family=family)
        assert spread(shared, "b-k-1", vip(family=family), asked=60).keys() == each(client)
    assert again(shared, "b") == again(shared, "a") == []


def test_nobody_writes_an_address_that_somebody_has(shared):
    for address, whose in ((vip(), "service t/web"), (shared.address("t-web-2"), "t-web-2 of project t")):
        written = f"networks: {{n: {{ipv4_address: {address}}}}}"
        manifest = (GUEST % 1).replace("name: b", "name: c").replace("networks: [n]", written)
        refused = shared.reconcile("--apply", shared.write(manifest, "c/c.yaml").parent)
        assert refused.rc == 65 and f"{address} is taken: {whose} has it" in refused.err, refused
    assert again(shared, "a") == again(shared, "b") == []


def test_what_the_owner_changes_a_guest_is_told_when_it_is_applied_again(shared):
    apply(shared, "a", shop(2))
    assert again(shared, "b") == ["update balancer b-k-1"]
    apply(shared, "b", GUEST % 1)
    client = shared.address("b-k-1")
    assert spread(shared, "b-k-1", vip(), asked=60).keys() == each(client, 2)


def test_the_owner_is_led_to_services_of_a_guest(shared):
    apply(shared, "b", GUEST % 2)
    for n in (1, 2):
        shared.serve(f"b-k-{n}", 80)
    assert again(shared, "a") == [f"update balancer t-{name}" for name in ("k-1", "web-1", "web-2", "web-3")]
    apply(shared, "a", shop())
    [address, *_] = sorted(lookup(shared, "t-k-1", "k.b"), key=len)
    client = shared.address("t-k-1")
    assert spread(shared, "t-k-1", address, asked=40).keys() == {f"b-k-{n} {client}" for n in (1, 2)}
    assert again(shared, "a") == again(shared, "b") == []
