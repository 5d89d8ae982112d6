"""What is said of a connection is what becomes of it: random manifests, from everywhere to everything."""

from random import Random

import pytest

from tests.netns.flows import Host, differences, manifest, many, serving
from tests.netns.lab import Lab

SEEDS = range(many() or 5)
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
