"""A routed network of two hosts, the other of which is R: what Debian's kernel makes of its rules."""

import json
from ipaddress import ip_network

from tests.netns.lab import HOST4, HOST6, REMOTE4, REMOTE6

MANIFEST = f"""
name: t
hosts:
  h1: {{address: {HOST4}, address6: '{HOST6}'}}
  h2: {{address: {REMOTE4}, address6: '{REMOTE6}'}}
networks: {{n: {{gateway_mode: routed, internal: true, enable_ipv6: true}}}}
containers: {{a: {{host: h1, networks: [n]}}}}
"""


def test_a_neighbour_is_a_host_of_the_network(lab):
    lab.ip("addr add fe80::9/64 dev uplink nodad")  # else Linux solicits no neighbour for what it forwards
    file = lab.write(MANIFEST)
    lab.succeed(lab.reconcile("--lock", file))
    lab.succeed(lab.reconcile("--apply", "--host", "h1", file))
    assert lab.succeed(lab.reconcile("--plan", "--host", "h1", file, "-o", "json")).steps == []
    (network,) = json.loads(lab.reconcile("--show", "--host", "h1", file, "-o", "json").out)["networks"]
    for one in sorted(network["slices"], key=lambda one: one["host"]):
        theirs = ip_network(one["cidr"])[9]
        family, length = theirs.version, theirs.max_prefixlen
        if one["host"] == "h1":
            lab.run(f"ip -{family} route add {one['cidr']} via {HOST6 if family == 6 else HOST4}", "R")
        else:
            lab.run(f"ip addr add {theirs}/{length} dev eth0 nodad", "R")
            assert lab.ping("t-a", str(theirs))
