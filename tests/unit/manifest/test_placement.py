"""`deploy.placement` as written: what Docker's words mean here, and where the mistakes stand."""

import pytest

HOSTS = "hosts: {h1: {address: 192.0.2.1, labels: {zone: east}}, h2: {labels: [zone=west, ssd]}}\n"


def service(deploy: str, more: str = "") -> str:
    return f"services:\n  web:\n    deploy: {{{deploy}}}\n{more}"


def placement(desk, words: str):
    return desk.container(HOSTS + service(f"placement: {{{words}}}")).placement


def test_constraints_are_read_with_their_places(desk):
    found = placement(desk, "constraints: [node.hostname==h1, ' node.labels.Zone  !=  north east ']")
    assert [str(c) for c in found.constraints] == ["node.hostname == h1", "node.labels.Zone != north east"]
    at = found.constraints[1].where
    assert (at.line, at.path) == (4, "services.web.deploy.placement.constraints[1]")


def test_preferences_and_the_cap(desk):
    found = placement(desk, "preferences: [{spread: node.labels.zone}], max_replicas_per_node: 2")
    assert (found.spread, found.most, found.everywhere) == (("zone",), 2, False)


def test_labels_of_hosts_have_composes_two_spellings(desk):
    hosts = desk.project(HOSTS + service("mode: global")).hosts
    assert [host.labels for host in hosts] == [{"zone": "east"}, {"zone": "west", "ssd": ""}]


@pytest.mark.parametrize("deploy", ["mode: global", "mode: global-job"])
def test_global_is_everywhere(desk, deploy):
    assert desk.container(HOSTS + service(deploy)).placement.everywhere


@pytest.mark.parametrize(
    "deploy",
    [
        "placement: {constraints: [node.role == manager]}",
        "placement: {constraints: ['whatever you like']}",
        "mode: global, replicas: 3",
    ],
)
def test_without_hosts_an_unchanged_compose_file_loads(desk, deploy):
    desk.write("compose.yaml", service(deploy))
    manifest = desk.load()
    (spec,) = manifest.projects[0].containers
    assert (spec.placement, spec.replicas) == (None, 1)
    assert any("deploy.placement" in note for note in manifest.notes) == ("placement" in deploy)


@pytest.mark.parametrize(
    ("deploy", "message", "hint"),
    [
        ("placement: {constraints: [node.role == manager]}", "no `node.role`", "node.labels.NAME"),
        ("placement: {constraints: [node.id == 2ivku8v2]}", "no `node.id`", "node.hostname"),
        ("placement: {constraints: [node.platform.os == linux]}", "no `node.platform.os`", ""),
        ("placement: {constraints: [engine.labels.ssd == 1]}", "no `engine.labels.ssd`", ""),
        ("placement: {constraints: [node.labels.zone = east]}", "is no constraint", "=="),
        ("placement: {constraints: [node.ip == east]}", "is no address", "192.0.2.0/24"),
        ("placement: {preferences: [{spread: node.hostname}]}", "cannot spread over", "node.labels.NAME"),
        ("placement: {max_replicas_per_node: -1}", "too small", ""),
        ("placement: {constraint: []}", "unknown key `constraint`", "did you mean `constraints`?"),
        ("mode: global, replicas: 2", "a global service has no `replicas`", ""),
    ],
)
def test_mistakes(desk, deploy, message, hint):
    error = desk.only(HOSTS + service(deploy))
    assert message in error.message and hint in error.hint
    assert error.where.line == 4 and "deploy" in error.where.path


def test_a_global_service_has_no_name_of_its_own(desk):
    error = desk.only(HOSTS + service("mode: global", "    container_name: one\n"))
    assert "no `container_name`" in error.message and error.where.line == 5


def test_services_that_stand_apart_may_publish_the_same_port(desk):
    text = HOSTS + "services:\n"
    for name in ("h1", "h2"):
        deploy = f"{{placement: {{constraints: [node.hostname == {name}]}}}}"
        text += f"  on-{name}: {{ports: ['80:80'], deploy: {deploy}}}\n"
    assert len(desk.project(text).containers) == 2
