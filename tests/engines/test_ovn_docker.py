"""A remote driver that others wrote, as Debian has it: `driver: openvswitch` is ovn-docker's."""

import pytest

from tests.engines import ovn
from tests.netns.conftest import lab, privileged

__all__ = ["lab", "privileged"]
pytestmark = pytest.mark.skipif(bool(ovn.lack()), reason=ovn.lack())
TEXT = {
    "name": "t",
    "networks": {"lan": {"driver": "openvswitch", "ipam": {"config": [{"subnet": "10.7.0.0/24"}]}}},
    "containers": {"web": {"networks": ["lan"]}, "db": {"networks": ["lan"]}},
}


def test_two_containers_reach_each_other_by_ovn(lab):
    with ovn.running() as running:
        lab.apply(TEXT)
        assert lab.planned(TEXT) == []
        assert lab.apply(TEXT).out.startswith("Nothing to do.")
        assert lab.ping("t-web", lab.address("t-db")) and lab.ping("t-db", lab.address("t-web"))
        assert running.run("ovn-nbctl", f"--db=unix:{ovn.RUN}/db.sock", "ls-list").count("(") == 1
        lab.ip(f"addr del {lab.addresses('t-web')[0]} dev eth0", "t-web")
        assert "eth0 has lost" in lab.succeed(lab.plan(TEXT)).out
        lab.apply(TEXT)
        assert lab.planned(TEXT) == [] and lab.ping("t-db", lab.address("t-web"))
        lab.ip("link set eth0 down\nlink set eth0 name other", "t-db")
        lab.apply(TEXT)
        assert lab.planned(TEXT) == [] and lab.ping("t-db", lab.address("t-web"))
        lab.destroy()
        assert running.run("ovn-nbctl", f"--db=unix:{ovn.RUN}/db.sock", "ls-list") == ""
        assert lab.namespaces() == []
