"""What somebody else writes into maps of ours, whichever: it is taken away again, and nothing fails at it."""

import json

from tests.netns.lab import Lab

MANIFEST = """
name: t
metadata: deny
networks:
  front: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
  back: {allow_networks: [front]}
  inner: {internal: true}
services:
  web:
    networks: [front]
    deploy: {replicas: 2}
    ports: [{target: 80, published: 88, allow_from: [10.9.0.0/16, "fd00::/8"], rate: 9/second, max_conns: 5}]
    egress: [outside, db, host, "10.0.0.0/8:80-90", api.example.com]
    log: true
  aside: {networks: [inner]}
  db: {networks: [back], ingress: [web, outside, host], ports: ["127.0.0.1:5432:5432", "8081:81/udp"]}
"""
# By the names of datatypes, what nobody would write: of maps with intervals the ranges, else the values.
RANGES = {
    "ipv4_addr": "9.9.9.1-9.9.9.6",
    "ipv6_addr": "9::1-9::6",
    "inet_proto": "90-94",
    "inet_service": "9001-9006",
    "integer": "11-16",
}
VALUES = {
    "ipv4_addr": "9.9.9.9",
    "ipv6_addr": "9::9",
    "inet_proto": "99",
    "inet_service": "9009",
    "ifname": '"o-.-d"',
    "integer": "19",
    "nf_proto": "10",
    "ether_addr": "00:00:00:00:00:00",
    "verdict": "drop",
}


def odd(one: dict) -> tuple[str, str]:
    """Of a map or set that nft lists, an item that stands for itself, and what it is mapped to."""
    words = one["type"] if isinstance(one["type"], list) else [one["type"]]
    known = VALUES | RANGES if "interval" in one.get("flags", []) else VALUES
    said = [known.get(word, "") for word in words]
    values = [VALUES.get(word, "") for word in one.get("map", "").split(" . ") if word]
    return " . ".join(said), " . ".join(values)


def test_whatever_stands_in_our_maps(lab: Lab):
    lab.apply(MANIFEST)
    lab.apply(MANIFEST)
    listed = json.loads(lab.run("nft -j list ruleset").out)["nftables"]
    maps = [one for item in listed for kind, one in item.items() if kind in ("map", "set")]
    added = []
    for one in maps:
        item, value = odd(one)
        pair = f"{item} : {value}" if value else item
        text = f"add element {one['family']} {one['table']} {one['name']} {{ {pair} }}"
        if lab.run("nft -f -", input=text, check=False).rc == 0:
            added.append(one["name"])
        else:
            print("refused:", text)
    assert len(added) > 0.9 * len(maps)
    plan = lab.planned(MANIFEST)
    kept = {name for name in added if not any(f"/{name}/" in step for step in plan)}
    filled = {name for name in kept if name.startswith(("asking", "named-", "seen-", "told_"))}
    assert len(filled) == 10 and kept - filled == {"unrouted"}  # whose element was ours
    lab.apply(MANIFEST)
    assert lab.planned(MANIFEST) == []
