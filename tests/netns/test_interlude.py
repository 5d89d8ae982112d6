"""While a watcher applies much, what stands elsewhere is put right at once, not when all of it is done."""

import json

import pytest

from tests.netns.samples import WEB
from tests.netns.watching import watching

NEW = 400
BOXES = "".join(f"  c{n}: {{networks: [n]}}\n" for n in range(NEW))
BIG = f"name: big\nnetworks: {{n: {{}}}}\ncontainers:\n{BOXES}"


def made(lab) -> int:
    """How many of the new sandboxes stand."""
    return sum(name.startswith("big-") for name in lab.namespaces())


@pytest.mark.alone
def test_a_drift_elsewhere_waits_for_no_big_apply(lab):
    lab.write(WEB)
    with watching(lab, lab.files) as watcher:
        port = next(link["ifname"] for link in lab.json("ip -j link show master br-t-n"))
        addresses, elements = lab.addresses("t-web"), lab.declared("t")

        def stands() -> bool:
            joined = json.dumps(lab.json(f"ip -j link show {port}"))
            return (lab.addresses("t-web"), lab.declared("t")) == (addresses, elements) and "br-t-n" in joined

        lab.write(BIG, "big.yaml")
        watcher.until(lambda: made(lab) > 10)
        lab.run("ip -n t-web addr flush dev eth0")
        lab.run(f"ip link set {port} nomaster")
        lab.run("nft flush map inet reconciler publish4")
        assert not stands()
        seconds, done = watcher.until(stands), made(lab)
        print(f"healed after {seconds * 1000:.0f} ms, when {done} stood")
        assert done < NEW
        watcher.until(lambda: watcher.status["drift"]["healed"] >= 3)
        watcher.settled()
        assert watcher.status["in_sync"] and made(lab) == NEW
        assert lab.succeed(lab.reconcile("--plan", "--exit-code", lab.files))
        lab.serve("t-web", 80)
        assert lab.ask("R", "198.51.100.1", 8080)
