"""What is said of a connection is what becomes of it: random manifests, from everywhere to everything."""

from random import Random

import pytest

from reconciler.evaluate.judge import Attempt
from reconciler.kinds.address import Address
from reconciler.kinds.ownership import HOST
from tests.netns.flows import BEYOND, Host, differences, manifest, many, serving
from tests.netns.lab import HOST4, Lab
from tests.netns.test_lan import ADDRESSES, H4, H6, PARENT, S4, S6, SHARED, UNMANAGED, beside, lan

SEEDS = range(many() or 4)
FEW = 300  # of the flows of each, in a check


@pytest.mark.parametrize("seed", SEEDS)
def test_the_evaluator_says_what_packets_do(netfiltered: Lab, seed: int, capsys):
    text = manifest(seed)
    netfiltered.apply(text)
    host = Host.of(text)
    attempts = [one for protocol in (6, 17) for one in host.attempts(protocol)]
    if not many():
        attempts = Random(seed).sample(attempts, min(FEW, len(attempts)))
    with serving(netfiltered, host):
        wrong = differences(netfiltered, host, attempts)
    netfiltered.destroy()
    with capsys.disabled():
        print(f" {len(attempts)} flows", end="")
    assert not wrong, "\n".join([text, *wrong[:20], f"{len(wrong)} of {len(attempts)}"])


LANS = {
    "a bridge": lan(),
    "a bridge with the host on it": SHARED,
    "a bridge whose containers are apart": beside(lan(PARENT, ADDRESSES, "icc: false")),
    "somebody else's bridge": beside(lan(UNMANAGED)),
    "macvlan": beside(lan(PARENT, "driver: macvlan")),
    "macvlan with the host on it": beside(lan(PARENT, "driver: macvlan", ADDRESSES)),
    "private": beside(lan(PARENT, "driver: macvlan", "driver_opts: {mode: private}")),
}


@pytest.mark.parametrize("name", [*LANS] if many() else [*LANS][1::2])
def test_the_evaluator_says_what_packets_do_on_a_lan(lab: Lab, name: str, capsys):
    lab.add_outside("S", "nic", {}, {4: f"{S4}/24", 6: f"{S6}/64"})
    if UNMANAGED in LANS[name]:
        lab.ip("link add other type bridge\nlink set other addrgenmode none")
        lab.ip(f"link set nic master other\naddr add {H4}/24 dev other\nlink set other up")
    lab.apply(LANS[name])
    host = Host.of(LANS[name])
    attempts = [*host.attempts(6), *beyond(host)]
    if not many():
        attempts = [*Random(0).sample(attempts, min(FEW, len(attempts))), *beyond(host)]
    with serving(lab, host):
        wrong = differences(lab, host, attempts)
    with capsys.disabled():
        print(f" {len(attempts)} flows", end="")
    assert not wrong, "\n".join([LANS[name], *wrong[:20], f"{len(wrong)} of {len(attempts)}"])


def beyond(host: Host) -> list[Attempt]:
    """To machines outside: R, which the host knows, and S, where one stands on its LAN."""
    near = ("t-a", "t-b")
    ours = {S4: H4, S6: H6}
    found = [Attempt(origin, ip, 80) for origin in near for ip in ours]
    for origin in {HOST, *host.sandboxes()}.difference(near):
        known = [ip for ip in BEYOND if ours.get(ip, HOST4) in on_wire(host)]
        found += [Attempt(origin, ip, 80) for ip in known]
    return found


def on_wire(host: Host) -> set[str]:
    """The host's addresses whose neighbours it knows: of a shim it knows its containers alone."""
    ours = {r.ip for r in host.desired.values() if isinstance(r, Address) and r.prefix not in (32, 128)}
    return ours | host.facts.addresses.keys()
