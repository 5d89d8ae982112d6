"""Pods of a containerd that speaks CNI 1.1.0, which is 2 and later: what it asks of us."""

import json
import sys
from contextlib import closing
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.engines import containerd, runtimes
from tests.engines.containerd import Containerd
from tests.engines.test_guests import SHOP, guests
from tests.netns.conftest import lab, privileged
from tests.netns.lab import HOST4, ROOT, Lab
from tests.netns.watching import until, watching

__all__ = ["lab", "privileged"]
pytestmark = [
    pytest.mark.skipif(bool(runtimes.LACK), reason=runtimes.LACK),
    pytest.mark.skipif(
        runtimes.version_of("containerd") < (2,), reason="no containerd 2 here: see tests/engines/sid"
    ),
]
PLUGINS = Path("/run/plugins")


def recorded() -> None:
    """Ours writes down from now on what it is told."""
    ours, source = PLUGINS / "reconciler", ROOT / "tests/netns/recording_plugin.py"
    ours.rename(PLUGINS / "reconciler.is")
    ours.write_text(f"#!{sys.executable} -SEI\n{source.read_text()}")
    ours.chmod(0o755)


def calls() -> list[dict[str, Any]]:
    """Since the last time."""
    log = PLUGINS / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    log.write_text("")
    return [json.loads(line) for line in lines]


def is_ready(engine: Containerd) -> bool:
    """As a kubelet asks before it gives a node any pods."""
    return b"NetworkPluginNotReady" not in engine.cri("Status", b"")


def test_pods(lab):
    if lack := containerd.lack():
        pytest.skip(lack)
    lab.apply(SHOP)
    with closing(Containerd(lab, "1.1.0")) as engine, watching(lab, lab.write(SHOP)) as watcher:
        recorded()
        assert is_ready(engine) and [one["command"] for one in calls()] == ["STATUS"]
        pods = [engine.run_pod("pod1", (80, 8080)), engine.run_pod("pod2")]
        assert [asked(one) for one in calls()] == [("ADD", ident) for ident in pods]
        lab.serve(box(pods[0]), 80)
        there(lab, pods)
        engine.close()
        there(lab, pods)
        engine.start()
        assert calls() == []  # it tells nothing again of pods that stand
        there(lab, pods)
        pods.append(engine.run_pod("pod3"))
        there(lab, pods)
        lab.succeed(lab.reconcile("--apply", lab.write("{name: shop}")))
        assert not is_ready(engine)
        lab.succeed(lab.reconcile("--apply", lab.write(SHOP)))
        assert is_ready(engine)
        until(lambda: lab.ping(box(pods[0]), lab.address(box(pods[2]))))
        calls()
        for ident in pods:
            engine.end_pod(ident)
            first, *_, last = calls()  # as often as it is asked
            assert asked(first) == asked(last) == ("DEL", ident) and last["environment"]["CNI_NETNS"] == ""
        assert guests() == [] and lab.ask("R", HOST4, 8080) is None
        watcher.synced()
    assert lab.planned(SHOP) == []
    lab.destroy()


def box(ident: str) -> str:
    return f"cni-{ident[:12]}"


def asked(call: dict[str, Any]) -> tuple[str, str]:
    """What, and of which pod."""
    return call["command"], call["environment"]["CNI_CONTAINERID"]


def there(lab: Lab, pods: list[str]) -> None:
    """All of them reach one another and the shop, and the first is reached from outside."""
    assert len(guests()) == len(pods)
    assert str(lab.ask("R", HOST4, 8080)).startswith(box(pods[0]))
    for one, other in permutations([*map(box, pods), "shop-web-1"], 2):
        assert lab.ping(one, lab.address(other)), (one, other)
