"""The laws on the real kernel: from any manifest to any other, and back whenever a step is refused."""

import errno
from collections.abc import Sequence
from random import Random

import pytest

from reconciler import Linux, compare, enact, load
from reconciler.core.plan import Step
from reconciler.core.reconcile import Refusals
from reconciler.core.resource import Stage
from reconciler.errors import KernelError
from reconciler.manifest.spec import Manifest
from reconciler.truth import destruction


def written(random: Random) -> str:
    """A small manifest: up to three networks with options, up to four containers with ports and addresses."""
    networks = {}
    for index in range(random.randint(1, 3)):
        options = [f"ipam: {{config: [{{subnet: 10.{90 + index}.{random.choice((0, 1))}.0/24}}]}}"]
        flags = ("enable_ipv6: true", "internal: true", "icc: false", "mtu: 1300", "masquerade: false")
        options += random.sample(flags, random.randint(0, 2))
        networks[f"n{index}"] = f"{{{', '.join(options)}}}"
    boxes = {}
    for index in random.sample(range(6), random.randint(0, 4)):
        joined = random.sample(sorted(networks), random.randint(1, len(networks)))
        ports = f"['{8000 + index}:{random.choice((80, 81))}']" if random.random() < 0.6 else "[]"
        boxes[f"c{index}"] = f"{{networks: [{', '.join(joined)}], ports: {ports}}}"
    sections = {"networks": networks, "containers": boxes, "services": services(random, sorted(networks))}
    return "name: t\n" + "".join(
        f"{section}:\n" + "".join(f"  {name}: {body}\n" for name, body in items.items())
        for section, items in sections.items()
        if items
    )


def services(random: Random, networks: Sequence[str]) -> dict[str, str]:
    """One of some replicas, which share ports, or none."""
    ports = random.sample(("8100:80", "8101:80/udp", "127.0.0.1:8102:80", "8103-8104:8103-8104"), 2)
    net, number = random.choice(networks), random.randint(0, 3)
    body = f"{{networks: [{net}], deploy: {{replicas: {number}}}, ports: {ports}}}"
    return {"s": body} if number else {}


def manifest(random: Random) -> Manifest:
    return load(["-"], stdin=written(random), environ={})


class Refusing(Linux):
    """The kernel, until `left` steps were taken; then it refuses one, and none thereafter."""

    def __init__(self, left: int):
        super().__init__()
        self.left = left

    def execute(self, batch: Sequence[Step]) -> Refusals:
        whole = batch[0].resource.stage == Stage.FIREWALL  # one transaction: all of it or nothing
        allowed = len(batch) if self.left < 0 or self.left > len(batch) else 0 if whole else self.left
        refusals = super().execute(batch[:allowed]) if allowed else {}
        if self.left >= 0 and allowed < len(batch):
            self.left = -1
            raise KernelError(str(batch[allowed]), errno.EPERM, "refused by the test")
        self.left -= len(batch) if self.left >= 0 else 0
        return refusals


@pytest.mark.parametrize("seed", range(6))
def test_from_any_manifest_to_any_other_and_to_nothing(lab, seed):
    random = Random(seed)
    for wanted in [manifest(random) for _ in range(5)]:
        enact(compare(wanted, Linux()), Linux())
        assert not compare(wanted, Linux()).todo
    enact(compare(destruction(Manifest(), frozenset({"t"})), Linux()), Linux())
    assert not Linux().observe()


@pytest.mark.parametrize("seed", range(4))
def test_a_refused_step_leaves_the_past_exactly(lab, seed):
    random = Random(100 + seed)
    first, second = manifest(random), manifest(random)
    enact(compare(first, Linux()), Linux())
    named = compare(first, Linux()).desired.values()
    past = Linux().observe(named)
    count = len(compare(second, Linux()).todo)
    for left in random.sample(range(count), min(count, 6)):
        host = Refusing(left)
        with pytest.raises(KernelError, match="refused by the test"):
            enact(compare(second, host), host)
        assert Linux().observe(named) == past
    enact(compare(second, Linux()), Linux())
    assert not compare(second, Linux()).todo
