"""One Compose file told to docker-compose and to us, on two hosts of one LAN: who is started when, made anew
for what, and left alone.

What both do is compared and nowhere written; what we do otherwise on purpose is, for both."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from shutil import which
from typing import Any, NamedTuple

import pytest

from tests.engines.dockerd import lack
from tests.engines.peers import Peer, Peers, Services, Told
from tests.engines.peers import peers as beside
from tests.netns.conftest import new_lab, privileged
from tests.netns.watching import until

__all__ = ["privileged"]
MISSING = [name for name in ("docker-compose", "podman", "crun") if not which(name)]
LACK = lack() or (f"not installed: apt-get install {' '.join(MISSING)}" if MISSING else "")
pytestmark = pytest.mark.skipif(bool(LACK), reason=LACK)


@pytest.fixture(scope="module")
def made(privileged: None) -> Iterator[Peers]:
    with new_lab() as lab, beside(lab) as found:
        yield found


@pytest.fixture
def peers(made: Peers) -> Iterator[Peers]:
    yield made
    made.told(Peer.clear)


APP: Services = {"image": "box:1", "stop_signal": "SIGKILL", "command": ["sleep", "1000"]}
GETS_WELL = {
    **APP,
    "command": ["sh", "-c", "sleep 0.5; touch /tmp/ready; exec sleep 1000"],
    "healthcheck": {"test": ["CMD", "test", "-e", "/tmp/ready"], "interval": "1s", "retries": 10},
}


def waiting(**conditions: str) -> Services:
    """Who waits for these."""
    on = {name: {"condition": f"service_{condition}"} for name, condition in conditions.items()}
    return {**APP, "depends_on": on}


WEB = {**waiting(db="healthy"), "environment": {"A": "1"}, "labels": {"l": "1"}, "volumes": ["/run:/data"]}
CHAIN = {"front": waiting(web="started"), "web": WEB, "db": GETS_WELL}
WEBS = (  # each differs in one thing from the one before
    ("environment", WEB := {**WEB, "environment": {"A": "2"}}),
    ("image", WEB := {**WEB, "image": "box:2"}),
    ("a path", WEB := {**WEB, "volumes": ["/run/docker:/data"]}),
    ("label", WEB := {**WEB, "labels": {"l": "2"}}),
    ("command", WEB := {**WEB, "command": ["sleep", "1001"]}),
)
LAST = {**CHAIN, "web": WEB}


def story(peer: Peer) -> dict[str, Told]:
    """By what was changed, what came of it."""
    told = {"nothing stood": peer.up(CHAIN)}
    assert [*peer.boxes()] == ["db-1", "web-1", "front-1"]  # in the order of depends_on
    told["nothing"] = peer.up(CHAIN)
    told |= {what: peer.up({**CHAIN, "web": web}) for what, web in WEBS}
    told["two"] = peer.up({**LAST, "front": {**CHAIN["front"], "scale": 2}})
    told["one"] = peer.up(LAST)
    told["one more"] = peer.up({**LAST, "late": APP})
    told["it is not declared"] = peer.up(LAST, peer.keeps)
    told["nor kept"] = peer.up(LAST, peer.prunes)
    for words in (("rm", "--force"), ("stop", "--time=0")):
        peer.asked(*words, peer.boxes()["web-1"].identity)
        told[" ".join(words)] = peer.up(LAST)
    peer.down()
    assert peer.boxes() == {}
    return told


def test_what_changed_is_made_anew_and_nothing_else_as_with_docker(peers):
    there, here = peers.told(story)
    # 2.26 makes anew whoever depends on it too, 1.29 does not.  Here what it reaches stands where it stood.
    there |= {what: there[what]._replace(anew=there[what].anew - {"front-1"}) for what, _ in WEBS}
    assert here == there
    web = frozenset({"web-1"})
    assert [here[what].anew for what, _ in WEBS] == [web] * len(WEBS)
    assert {what for what, one in here.items() if one.anew} == {what for what, _ in WEBS}
    assert not any(one.failed for one in here.values())


class Difference(NamedTuple):
    reason: str
    docker: dict[str, Any]  # fields of what was told
    ours: dict[str, Any]


FREE = {"free": APP}  # who waits for nobody
ENDED = frozenset({"job-1"})
FAILURES: dict[str, tuple[Services, Difference | None]] = {
    "one that cannot be started": (
        {"bad": {**APP, "command": ["nosuch"]}, "after": waiting(bad="started"), **FREE},
        None,
    ),
    "one that does not get well": (
        {
            "db": {**APP, "healthcheck": {"test": ["CMD", "false"], "interval": "1s", "retries": 1}},
            "after": waiting(db="healthy"),
            **FREE,
        },
        None,
    ),
    "one that fails": (
        {
            "job": {**APP, "command": ["sh", "-c", "exit 3"]},
            "after": waiting(job="completed_successfully"),
            **FREE,
        },
        None,
    ),
    "one without an image": (
        {"bad": {**APP, "image": "127.0.0.1:1/nosuch:1"}, **FREE},
        Difference(
            "trouble with one is no reason to start no other",
            {"made": set(), "states": {}},
            {"made": {"free-1"}, "states": {"free-1": "running"}},
        ),
    ),
}


@pytest.mark.parametrize("what", FAILURES)
def test_what_does_not_start_holds_up_whom_it_holds_up_with_docker(peers, what):
    services, difference = FAILURES[what]
    there, here = peers.told(lambda peer: peer.up(services))
    assert there.failed and here.failed and "after-1" not in here.made
    assert (there, here) == differing(there, difference)


def differing(there: Told, difference: Difference | None) -> tuple[Told, Told]:
    """What both should have said: the same, but where they differ on purpose."""
    if not difference:
        return there, there
    return there._replace(**difference.docker), there._replace(**difference.ours)


AGAIN = Difference("what has done its work is not run again", {"started": ENDED}, {"started": frozenset()})


def test_a_job_is_waited_for_and_run_again_by_docker_alone(peers):
    services = {"after": waiting(job="completed_successfully"), "job": {**APP, "command": ["true"]}}
    there, here = peers.told(lambda peer: peer.up(services))
    assert here == there and here.states == {"job-1": "exited (0)", "after-1": "running"}
    there, here = peers.told(lambda peer: peer.up(services))
    assert (there, here) == differing(there, AGAIN)


NAMED = ("no", "always", "on-failure", "unless-stopped")
POLICIES = {name.replace("-", ""): {**APP, "restart": name} for name in NAMED}
POLICIES |= {
    "fails": {**APP, "restart": "on-failure:2", "command": ["sh", "-c", "exit 3"]},
    "done": {**APP, "restart": "on-failure", "command": ["true"]},
}
KILLED = {
    "no-1": "exited (137)",
    "fails-1": "exited (3)",
    "done-1": "exited (0)",
    **dict.fromkeys(("always-1", "onfailure-1", "unlessstopped-1"), "running"),
}


NOBODY = 1 << 30  # no process has this number


def killed(peer: Peer) -> bool:
    """Whether all become what their policies say."""
    peer.up(POLICIES)
    before = peer.boxes()
    for box in before.values():
        with suppress(ProcessLookupError):  # one that ends by itself
            os.kill(box.pid or NOBODY, signal.SIGKILL)

    def settled() -> bool:
        after = peer.boxes()
        again = {name for name, box in after.items() if box.pid and box.pid != before[name].pid}
        return {name: box.state for name, box in after.items()} == KILLED and len(again) == 3

    until(settled, words=peer.boxes)
    return True


def test_restart_is_the_engines_and_does_the_same(peers):
    assert peers.told(killed) == (True, True)


ENDS = "trap 'sleep 0.2; echo {} >>/ends/log; exit' TERM; while :; do sleep 0.05; done"


def ended(peer: Peer) -> list[str]:
    """The order in which they end."""
    folder = peer.file.parent / "ends"
    folder.mkdir()

    def one(name: str) -> Services:
        return {"image": "box:1", "command": ["sh", "-c", ENDS.format(name)], "volumes": [f"{folder}:/ends"]}

    peer.up({
        "app": {**one("app"), "depends_on": ["db"]},
        "db": one("db"),
        "web": {**one("web"), "depends_on": ["app"]},
    })  # fmt: skip
    peer.down()
    assert peer.boxes() == {}
    return (folder / "log").read_text().split()


def test_who_depends_on_another_ends_before_it_as_with_docker(peers):
    assert peers.told(ended) == (["web", "app", "db"],) * 2
