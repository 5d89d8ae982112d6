"""One manifest made by Docker and by us, on two hosts of one LAN: what containers are told there and here.

What both answer is compared and nowhere written; where we answer otherwise on purpose, both answers are, so
that a change on either side is noticed.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from reconciler.kinds.names import short_id
from tests.engines.case import (
    BACK,
    BEYOND,
    CASE,
    DIFFERENCES,
    FRONT,
    LONE,
    NOTHING,
    NOWHERE,
    ON_BACK,
    ON_BOTH,
    ON_FRONT,
    ON_LONE,
    OTHERWISE,
    PLAIN,
    UNKNOWN,
    Told,
    listed,
)
from tests.engines.dockerd import BUSYBOX, Docker, lack, other_host
from tests.netns.asking import PLAINLY, addresses, answered, dnsmasq
from tests.netns.conftest import new_lab, privileged
from tests.netns.lab import REMOTE4, ROOT, Lab

__all__ = ["privileged"]
pytestmark = pytest.mark.skipif(bool(lack()), reason=lack())

OTHER4 = "198.51.100.3"  # a name server that knows other things
WWW = "192.0.2.80"
WORLD = (f"--host-record=www.example.com,{WWW},2001:db8:80::80", "--host-record=printer,192.0.2.9")
OTHER = ("--host-record=www.example.com,192.0.2.83",)


def different(told: Told) -> Told:
    return {question: said for question, said in told.items() if said[0] != said[1]}


def found(told: Told) -> list[str]:
    """The questions that Docker knows an answer to."""
    return [question for question, (docker, _) in told.items() if docker.startswith(f"{NOTHING} ")]


class Hosts(NamedTuple):
    """Docker's, and ours."""

    docker: Docker
    lab: Lab

    def apply(self, manifest: str) -> None:
        name = yaml.safe_load(manifest)["name"]
        self.lab.succeed(self.lab.reconcile("--apply", self.lab.write(manifest, f"{name}.yaml")))

    def make(self, manifest: str) -> None:
        self.docker.make(yaml.safe_load(manifest))
        self.apply(manifest)

    def dig_there(self, box: str, *questions: str) -> str:
        words = [*self.docker.entering(box), "dig", *PLAINLY, f"@{self.docker.nameserver(box)}"]
        return self.lab.run([*words, *" ".join(questions).split()], check=False).out

    def dig_here(self, box: str, *questions: str) -> str:
        words = ["ip", "netns", "exec", box, "dig", *PLAINLY]
        return self.lab.run([*words, *" ".join(questions).split()], check=False).out

    def asked(self, box: str, questions: list[str]) -> Told:
        said = answers(self.dig_there(box, *questions)), answers(self.dig_here(box, *questions))
        return dict(zip(questions, zip(*said, strict=True), strict=True))

    def pinged(self, box: str, *names: str) -> tuple[str, str]:
        """A name or address there and here; "yes", or why not."""
        ping = ["ping", "-c1", "-W1"]
        here = ["ip", "netns", "exec", f"tutorial-{box}", BUSYBOX, *ping, names[-1]]
        done = self.docker.run(box, *ping, names[0]), self.lab.run(here, check=False)
        docker, ours = ("yes" if one.rc == 0 else one.err.strip() or "no answer" for one in done)
        return docker, ours


def answers(said: str) -> list[str]:
    """`STATUS DATA` for each question that got one."""
    each = [answered(f"status: {one}") for one in said.split("status: ")[1:]]
    return [" ".join([status, *data]) for status, data, _ in each]


@pytest.fixture(scope="module")
def hosts(privileged: None) -> Iterator[Hosts]:
    with new_lab() as lab, ExitStack() as stack:
        lab.ip(f"addr add {OTHER4}/24 dev eth0\naddr add {WWW}/32 dev lo", "R")
        for address, known in ((REMOTE4, WORLD), (OTHER4, OTHER)):
            options = (*known, "--address=/#/", f"--listen-address={address}", "--bind-interfaces")
            stack.enter_context(dnsmasq(lab, "R", *options))
        Path("/etc/resolv.conf").unlink(missing_ok=True)
        Path("/etc/resolv.conf").write_text(f"nameserver {REMOTE4}\n")
        docker = Docker(lab, other_host(lab))
        stack.callback(docker.close)
        made = Hosts(docker, lab)
        made.make(CASE)
        yield made


@pytest.mark.parametrize("box", [*FRONT, *LONE, *PLAIN])
def test_a_container_is_told_what_docker_tells_but_for_what_differs_on_purpose(hosts, box):
    told = hosts.asked(box, listed(ON_FRONT, ON_BOTH, ON_BACK, ON_LONE, NOWHERE, BEYOND, OTHERWISE))
    on_purpose = [one.told for one in DIFFERENCES if box in one.boxes]
    assert different(told) == {question: said for one in on_purpose for question, said in one.items()}
    for boxes, questions in ((FRONT, ON_FRONT), (BACK, ON_BACK), (LONE, ON_LONE), (PLAIN, BEYOND)):
        assert box not in boxes or {*listed(questions)} <= {*found(told)}


def test_an_internal_network_has_its_names_and_is_told_at_once_of_others_where_docker_gives_up(hosts):
    questions = listed(ON_BOTH, ON_BACK)
    told = hosts.asked("inner", questions)
    assert found(told) == questions and not different(told)
    unknown = listed("web A, nobody AAAA, www.example.com A, -x 10.81.0.10")
    # 20.10 says nothing, 26.1 that it failed.
    assert answers(hosts.dig_there("inner", "+time=1", *unknown)) in ([], ["SERVFAIL"] * len(unknown))
    assert answers(hosts.dig_here("inner", "+time=1", *unknown)) == [UNKNOWN] * len(unknown)


@pytest.mark.parametrize(
    ("box", "names", "otherwise"),
    [
        ("web", "web WEB www store.example.org db.front both localhost nobody 10.81.0.10 fd81::11", {}),
        ("asking", "w web asking registry.example www.example.com 10.81.0.12 192.0.2.80", {}),
        # The link's name is what the hosts file calls the address.
        ("inner", "database db pg both 10.82.0.11 10.82.0.12", {"10.82.0.11": ("db.back", "database")}),
        ("alone", "alone alone.lone web www.example.com registry.example 192.0.2.80", {}),
        ("plain", "linked web www.example.com", {}),
    ],
)
def test_getaddrinfo_finds_what_it_finds_with_docker(hosts, box, names, otherwise):
    """By the hosts file too, which has links and extra_hosts."""
    docker, ours = (
        hosts.docker.addresses(box, *names.split()),
        addresses(hosts.lab, box, "musl", *names.split()),
    )
    told = {name: (docker[name], ours[name]) for name in names.split()}
    expected = {name: tuple(frozenset({one}) for one in both) for name, both in otherwise.items()}
    assert different(told) == expected and any(docker.values())


def test_on_the_default_bridge_nobody_is_known_but_who_is_linked(hosts):
    names = ("p", "plain", "linked")
    for box, known in (("linked", ("p", "plain")), ("plain", ())):
        there, here = hosts.docker.addresses(box, *names), addresses(hosts.lab, box, "musl", *names)
        own = (
            {box} if box not in known else set()
        )  # a container's own hosts file calls it what its hostname is
        address = hosts.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "plain")
        assert {name: words for name, words in there.items() if words} == dict.fromkeys(known, {address})
        address = hosts.lab.address("plain")
        assert {n: words for n, words in here.items() if words and n not in own} == dict.fromkeys(
            known, {address}
        )


def test_a_short_id_is_a_name_and_an_answer_is_good_for_seconds_here_and_for_ten_minutes_there(hosts):
    identity = hosts.docker("inspect", "-f", "{{.Id}}", "web")[:12]
    for dig, name, ttl in ((hosts.dig_there, identity, "600"), (hosts.dig_here, short_id("web"), "5")):
        for asked in ("web", name):
            [line] = [line for line in dig("db", f"{asked} A").splitlines() if line.startswith(asked)]
            assert line.split() == [f"{asked}.", ttl, "IN", "A", "10.81.0.10"]


LIVE = """
name: live
networks:
  one: {name: one, ipam: {config: [{subnet: 10.84.0.0/24}]}}
  two: {name: two, ipam: {config: [{subnet: 10.85.0.0/24}]}}
containers:
  first: {container_name: first, networks: {one: {ipv4_address: 10.84.0.10}}}
  second: {container_name: second, networks: {two: {ipv4_address: 10.85.0.10}}}
  comes: {container_name: comes, networks: {one: {ipv4_address: 10.84.0.11, aliases: [x1]}}}
"""
CHANGES = (  # to Docker, and to a manifest; what first finds then, and what second does
    ("", "", "", "comes A, x1 A, comes.one A, -x 10.84.0.11", ""),
    ("rename comes goes", "comes", "goes", "goes A, x1 A, goes.one A, -x 10.84.0.11", ""),
    (
        "network connect --ip=10.85.0.11 --alias=x2 two goes",
        "[x1]}}",
        "[x1]}, two: {ipv4_address: 10.85.0.11, aliases: [x2]}}",
        "goes A, x1 A, goes.one A, -x 10.84.0.11",
        "goes A, x2 A, goes.two A, -x 10.85.0.11",
    ),
    (
        "network disconnect one goes",
        "one: {ipv4_address: 10.84.0.11, aliases: [x1]}, two",
        "two",
        "",
        "goes A, x2 A, goes.two A, -x 10.85.0.11",
    ),
)


def test_what_changes_meanwhile_changes_what_others_are_told_as_with_docker(hosts):
    manifest = LIVE
    hosts.docker.make(yaml.safe_load(manifest))
    ever = list(dict.fromkeys(listed(*(text for *_, first, second in CHANGES for text in (first, second)))))
    for command, old, new, first, second in CHANGES:
        if command:
            hosts.docker(*command.split())
            manifest = manifest.replace(old, new)
        hosts.apply(manifest)
        for box, known in (("first", first), ("second", second)):
            told = hosts.asked(box, ever)
            assert {*found(told)} == {*listed(known)} and not different(told), (command, box)


def test_the_tutorial_of_standalone_containers_goes_as_with_docker(hosts):
    """docs.docker.com/engine/network/tutorials/standalone: alpine1, 2 and 4 are on a network of their own, 3
    and 4 on the default bridge, where names are nobody's."""
    hosts.make((ROOT / "manifests/tutorial-standalone.yaml").read_text())
    boxes = ("alpine1", "alpine2", "alpine3", "alpine4")
    third = hosts.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "alpine3")
    to = {name: (name,) for name in (*boxes, "www.example.com")}
    to["the third's address"] = third, hosts.lab.address("tutorial-alpine3")
    ways = [*product(boxes, to)]
    with ThreadPoolExecutor(8) as pool:
        pings = dict(zip(ways, pool.map(lambda way: hosts.pinged(way[0], *to[way[1]]), ways), strict=True))
    assert not different(pings)
    reached = {way for way, (docker, _) in pings.items() if docker == "yes"}
    inner = {*product(("alpine1", "alpine2", "alpine4"), repeat=2)}
    outer = {*product(boxes, ("www.example.com",)), *product(boxes[2:], ("the third's address",))}
    assert reached == inner | outer
    assert pings["alpine1", "alpine3"][0] == "ping: bad address 'alpine3'"
