"""Debian's kernel judges as ours does: who may reach whom, limits of ports, and what was ended."""

import pytest

from tests.netns.lab import HOST4, HOST6, REMOTE4, REMOTE6, Lab
from tests.netns.test_what_was_ended import LIMITED, PUBLISHED, connected, goes_on, manifest

SHOP = f"""
name: t
metadata: deny
networks: {{n: {{enable_ipv6: true}}, back: {{enable_ipv6: true, allow_networks: [n]}}}}
services:
  web:
    networks: {{n: {{bandwidth: {{egress: 100mbit, ingress: 100mbit}}}}}}
    ports:
      - {{target: 80, published: 8080, allow_from: [{REMOTE4}, "{REMOTE6}"], max_conns: 100}}
      - {{target: 80, published: 8081, rate: 1/hour burst 3}}
      - {{target: 80, published: 8082, allow_from: [10.0.0.0/8, "fd99::/16"]}}
  app: {{networks: [n], egress: ["web:80", "db:80"], log: true}}
  named: {{networks: [n], egress: ["api.example.com:443"]}}
  other: {{networks: [n]}}
  db: {{networks: [back]}}
policies:
  inner: {{for: [db], ingress: ["app:80"]}}
"""


def test_who_may_reach_whom(lab: Lab) -> None:
    lab.run("modprobe br_netfilter")
    lab.apply(SHOP)
    for name in ("t-web-1", "t-other-1", "t-db-1"):
        lab.serve(name, 80, 81)
    for family in (4, 6):
        web, other, db = (lab.address(f"t-{name}-1", family=family) for name in ("web", "other", "db"))
        reached = {
            (ns, address, port): bool(lab.ask(ns, address, port))
            for ns, address, port in (
                ("t-app-1", web, 80),
                ("t-app-1", web, 81),
                ("t-app-1", other, 80),
                ("t-app-1", db, 80),
                ("t-other-1", db, 80),
                ("t-named-1", web, 80),
                ("t-other-1", web, 81),
            )
        }
        assert [*reached.values()] == [True, False, False, True, False, False, True], reached
    for address in (HOST4, HOST6):
        assert lab.ask("R", address, 8080) and not lab.ask("R", address, 8082)
        assert [bool(lab.ask("R", address, 8081)) for _ in range(4)] == [True, True, True, False]
    assert lab.planned(SHOP) == []


@pytest.mark.parametrize("later", [manifest(), manifest(LIMITED)], ids=["removed", "limited"])
def test_what_was_ended_stays_so(lab: Lab, later: str) -> None:
    lab.apply(manifest(PUBLISHED))
    with connected(lab, HOST4, 80) as ends:
        lab.apply(later)
        assert not goes_on(*ends)
