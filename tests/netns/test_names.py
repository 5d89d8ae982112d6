"""Names have one owner: what two projects come to by themselves, what is written twice, and what a lost alias
no longer tells."""

from collections.abc import Iterator
from itertools import permutations, product

import pytest

from tests.netns.conftest import new_lab
from tests.netns.lab import Lab
from tests.netns.snapshot import MOVING

TEXTS = {
    "a": """name: a
networks: {b-c: {enable_ipv6: true}}
services: {x: {networks: [b-c], ports: ["8080:80"]}}
""",
    "a-b": """name: a-b
networks: {c: {enable_ipv6: true}}
services: {x: {networks: [c], ports: ["8081:80"]}}
""",
}
BOXES = {"a": "a-x-1", "a-b": "a-b-x-1"}


def write(lab: Lab, name: str) -> object:
    """The file of one project, or the folder of both."""
    paths = {project: lab.write(text, f"both/{project}.yaml") for project, text in TEXTS.items()}
    return paths.get(name, lab.files / "both")


def applied(lab: Lab, *names: str) -> None:
    for name in names:
        lab.succeed(lab.reconcile("--apply", write(lab, name)))


def bridge_of(lab: Lab, project: str) -> str:
    """The bridge that the project's sandbox stands on."""
    [link] = lab.json("ip -j link show dev eth0", BOXES[project])
    [end] = [one for one in lab.json("ip -j link") if one["ifindex"] == link["link_index"]]
    return end["master"]


def own(lab: Lab, project: str) -> dict[str, str]:
    """What is the project's alone, as the host shows it."""
    box, bridge = BOXES[project], bridge_of(lab, project)
    looks = {
        ("ip -d addr", box),
        ("ip route", box),
        ("ip -6 route", box),
        (f"ip -d addr show dev {bridge}", ""),
    }
    found = {f"{command} {ns}": MOVING.sub("", lab.run(command, ns).out) for command, ns in looks}
    return found | {"firewall": str(sorted(lab.declared(project).elements()))}


@pytest.mark.parametrize("order", [*permutations(TEXTS), ("both",)], ids="-then-".join)
def test_two_networks_that_come_to_one_name_have_a_bridge_each(lab, order):
    applied(lab, *order)
    bridges = {project: bridge_of(lab, project) for project in TEXTS}
    assert len(set(bridges.values())) == 2 and "br-a-b-c" in bridges.values()
    assert order == ("both",) or bridges[order[0]] == "br-a-b-c"
    lab.serve("a-b-x-1", 80)
    lab.serve("a-b-x-1", 80, proto="udp")
    for family, filtered in product((4, 6), (0, 1)):
        for name in ("iptables", "ip6tables"):
            lab.sysctl(f"net/bridge/bridge-nf-call-{name}", value=filtered)
        other = lab.address("a-b-x-1", family=family)
        lab.silent(("a-x-1", other, 80), ("a-x-1", other, 80, "udp"))
        assert not lab.ping("a-x-1", other, 0.4)
    for name in order:
        assert not lab.succeed(lab.reconcile("--plan", write(lab, name), "-o", "json")).steps


@pytest.mark.parametrize("gone, stays", [*permutations(TEXTS)])
def test_destroying_one_leaves_the_other_as_it_was(lab, gone, stays):
    applied(lab, "a", "a-b")
    before = own(lab, stays)
    lab.succeed(lab.reconcile("--destroy", write(lab, gone)))
    assert own(lab, stays) == before
    applied(lab, stays)  # what stands keeps its name, though the better one is free again
    assert own(lab, stays) == before


USED = "containers: {u: {networks: [n]}}"


@pytest.mark.parametrize(
    "first, second, words",
    [
        ("services: {b-c: {}}", "name: a-b\nservices: {c: {}}", "sandbox a-b-c-1 is project a's"),
        (
            "containers: {x: {container_name: db}}",
            "containers: {y: {container_name: db}}",
            "db is project a's",
        ),
        ("networks: {n: {name: edge}}", "networks: {n: {name: edge}}", "network edge is project a's"),
        ("networks: {n: {bridge_name: br9}}", "networks: {n: {bridge_name: br9}}", "link br9 is project a's"),
        ("networks: {n: {}}", "networks: {n: {bridge_name: br-a-n}}", "link br-a-n is project a's"),
        ("networks: {n: {}}", "networks: {n: {bridge_name: END}}", "is project a's"),
        ("networks: {b_n: {}, n: {}}", "name: a_b\nnetworks: {n: {}}", "network a_b_n is project a's"),
    ],
)
def test_a_name_that_another_project_has_is_refused(lab, first, second, words):
    first, second = (f"{text}\n{USED}" if "networks" in text else text for text in (first, second))
    lab.succeed(lab.reconcile("--apply", lab.write(f"name: a\n{first}", "first.yaml")))
    second = second.replace("END", next(name for name in lab.links() if name.startswith("ve")))
    lab.refused(second if second.startswith("name:") else f"name: z\n{second}", words)
    assert not lab.succeed(lab.reconcile("--plan", lab.files / "first.yaml", "-o", "json")).steps


TWO = {
    name: f"name: {name}\nnetworks: {{n: {{enable_ipv6: true}}}}\ncontainers: {{a: {{networks: [n]}}}}\n"
    for name in "pq"
}


@pytest.fixture(scope="module")
def pair(privileged: None) -> Iterator[Lab]:
    """A host with two projects, which every test leaves as it found it."""
    with new_lab() as made:
        for name, text in TWO.items():
            made.succeed(made.reconcile("--apply", made.write(text, f"{name}.yaml")))
        yield made


def look(lab: Lab) -> dict[str, str]:
    asked = [f"ip {family} {what}" for family in ("-4", "-6") for what in ("route show table all", "rule")]
    texts = {words: lab.run(words).out for words in ("ip -d addr", *asked)}
    return {words: MOVING.sub("", text) for words, text in texts.items()} | {"nft": lab.rules()}


@pytest.mark.parametrize(
    "link, alias, flushed",
    [
        ("br-p-n", "", False),
        ("br-p-n", "", True),
        ("br-p-n", "reconciler/q/q_n", False),
        ("br-p-n", "reconciler/p/p_other", True),
        ("END", "", True),
        ("END", "reconciler/p/p-b/eth0", False),
    ],
)
def test_a_link_that_lost_its_alias_is_still_its_projects(pair, link, alias, flushed):
    ends = {pair.link(name).get("ifalias"): name for name in pair.links() if name.startswith("ve")}
    link, files = link.replace("END", ends["reconciler/p/p-a/eth0"]), pair.files
    whole = look(pair)
    pair.run(["ip", "link", "set", link, "alias", alias])
    if flushed:
        pair.run("nft flush ruleset")
    before = look(pair)
    pair.succeed(pair.reconcile("--apply", files / "q.yaml"))
    assert look(pair) | {"nft": ""} == before | {"nft": ""}
    plan = pair.succeed(pair.reconcile("--plan", files / "p.yaml", "-o", "json")).json["steps"]
    assert [step["op"] for step in plan if step["kind"] == "link"] == ["update"]
    assert flushed or len(plan) == 1
    pair.succeed(pair.reconcile("--apply", files / "p.yaml"))
    assert look(pair) == whole


@pytest.mark.parametrize(
    "options, prefix", [("driver: macvlan, host_access: 192.0.2.250, ", "mv-"), ("", "br-t-lan")]
)
def test_a_link_on_a_lan_that_lost_its_alias_is_still_its_projects(lab, options, prefix):
    """None of the firewall's elements tells; those who stand beside it do."""
    lab.ip("link add nic type veth peer name cable\nlink set nic addrgenmode none\nlink set nic up")
    network = f"{{{options}parent: nic, ipam: {{config: [{{subnet: 192.0.2.0/24}}]}}}}"
    text = f"name: t\nnetworks: {{lan: {network}}}\ncontainers: {{a: {{networks: [lan]}}}}\n"
    lab.apply(text)
    lab.succeed(lab.reconcile("--apply", lab.write(TWO["q"], "q.yaml")))
    link = next(name for name in lab.links() if name.startswith(prefix))
    lab.run(["ip", "link", "set", link, "alias", ""])
    before = look(lab)
    lab.succeed(lab.reconcile("--apply", lab.files / "q.yaml"))
    assert look(lab) == before
    assert lab.planned(text) == [f"update link host/{link}"]
    lab.destroy()
    assert link not in lab.links() and "br-q-n" in lab.links()
