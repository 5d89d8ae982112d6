"""Debian's kernel draws and hashes as ours does."""

from tests.netns.lab import HOST4, HOST6, Lab
from tests.netns.test_shared_ports import answers, even, served, with_affinity


def test_replicas_share_a_port(lab: Lab) -> None:
    lab.apply(served(2, "8080:80", "9000-9001:9000-9001"))
    for name in ("t-web-1", "t-web-2"):
        lab.serve(name, 80, 9000)
    for address in (HOST4, HOST6):
        assert even(answers(lab, "R", address, 8080, many=100), of=2)
        assert even(answers(lab, "R", address, 9000, many=100), of=2)
    assert lab.planned(served(2, "8080:80", "9000-9001:9000-9001")) == []
    lab.apply(with_affinity(2, "8080:80"))
    assert len(answers(lab, "R", HOST6, 8080, many=20)) == 1
