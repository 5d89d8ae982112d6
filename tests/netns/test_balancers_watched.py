"""A watcher hears what becomes of its tables in sandboxes, and is at nobody's mercy there."""

from collections.abc import Callable

import pytest

from tests.netns.lab import Lab
from tests.netns.test_services import shop, vip
from tests.netns.test_services_attacked import churning
from tests.netns.watching import EVENT, Watcher, watching

CLIENT, OTHER = "t-k-1", "t-j-1"
PROMPT = 1.0  # seconds, on a machine that has nothing else to do
IN_THE_END = 60.0  # seconds; while somebody floods it, on a machine that does other things too
DRIFT = (
    "nft flush ruleset",
    "nft delete table inet reconciler",
    "nft flush chain inet reconciler connect",
    "nft flush map inet reconciler backends4",
    "nft add element inet reconciler servers4 { 10.0.0.1 }",
    "nft add table inet reconciler { flags dormant; }",
)


def leads(lab: Lab, ns: str, address: str) -> Callable[[], bool]:
    """Whether new connections to a service are led on, and nothing else is in the table."""

    def stands() -> bool:
        told = lab.run("nft list table inet reconciler", ns, check=False).out
        awake = "dormant" not in told
        return awake and f"{{ {address} }}" in told and f"{address} . " in told and "@backends4" in told

    return stands


def heals(
    lab: Lab, watcher: Watcher, ns: str = CLIENT, network: str = "t_n", patience: float = EVENT
) -> list[float]:
    """Seconds until each of these has been put right."""
    found = []
    for words in DRIFT:
        watcher.settled(0.1)
        lab.run(words, ns)
        found.append(watcher.until(leads(lab, ns, vip(network)), patience))
    return found


def turns(watcher: Watcher) -> int:
    return watcher.status["last_run"]["turns"]


def test_what_becomes_of_a_table_is_heard(lab: Lab):
    with watching(lab, lab.write(shop(), "m/t.yaml").parent) as watcher:
        seconds = heals(lab, watcher)
        assert min(seconds) < PROMPT, seconds
        assert "nft[" in watcher.log


@pytest.mark.long
def test_who_floods_it_is_heard_seldom_and_others_at_once(lab: Lab):
    with watching(lab, lab.write(shop(), "m/t.yaml").parent) as watcher:
        with churning(lab, CLIENT):
            watcher.until(lambda: turns(watcher) > 40)
            before = turns(watcher)
            with pytest.raises(AssertionError, match="not within"):
                watcher.until(lambda: turns(watcher) > before + 20, 4.0)
            seconds = heals(lab, watcher, OTHER, "t_inner", IN_THE_END)
            assert min(seconds) < PROMPT, seconds
            lab.run("nft delete table inet reconciler")
            watcher.until(lambda: lab.run("nft list table inet reconciler", check=False).rc == 0, IN_THE_END)
        lab.run("nft flush chain inet reconciler connect", CLIENT)
        watcher.until(leads(lab, CLIENT, vip()), IN_THE_END)
