"""A rule that is taken away is noticed: of some connection something else is said."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import islice, product

import pytest

from reconciler.core.resource import State
from reconciler.evaluate.judge import Attempt, Judgement, judge
from reconciler.evaluate.named import with_name
from reconciler.evaluate.ways import SOMEWHERE
from reconciler.evaluate.world import World
from reconciler.inventory.facts import Device, Facts
from reconciler.kinds.address import Address
from reconciler.kinds.balancer import Balancer
from reconciler.kinds.namespace import Namespace
from reconciler.kinds.nft import Chain, Element
from reconciler.kinds.ownership import HOST
from reconciler.pipeline import decide, load
from tests.thorough import some
from tests.unit.evaluate.rulesets import chains

FACTS = Facts(
    name="host",
    machine="0" * 32,
    addresses={"127.0.0.1": "lo", "::1": "lo", "198.51.100.1": "up", "2001:db8:1::1": "up"},
    gateways={"up": ("198.51.100.2", "2001:db8:1::2")},
    onlink={"198.51.100.0/24": "up", "2001:db8:1::/64": "up"},
    links={"up": Device(), "other": Device()},
    nameservers=("192.0.2.53",),
    servers=("192.0.2.53",),
)
MANIFEST = """
name: t
networks:
  open: {enable_ipv6: true}
  back: {internal: true, enable_ipv6: true}
  quiet: {icc: false, enable_ipv6: true}
  routed: {gateway_mode: routed, gateway_mode_ipv6: routed, enable_ipv6: true}
  bare: {gateway_mode: nat-unprotected, gateway_mode_ipv6: nat-unprotected, enable_ipv6: true}
  friends: {host_access: all}
  named: {enable_ipv6: true, driver_opts: {snat: 198.51.100.1}}
  inner: {enable_ipv6: true, host_access: all}
  secret: {enable_ipv6: true, metadata: deny}
  let: {enable_ipv6: true, allow_networks: [secret]}
  deep: {internal: true, enable_ipv6: true, allow_networks: [secret]}
containers:
  web:
    networks: [open, back]
    ports: ["8080:80", "127.0.0.1:8081:81", "9000-9003:9000-9003", "198.51.100.1:9100-9101:9100-9101"]
  six: {networks: [open], ports: ["[2001:db8:1::1]:8082:82", "[2001:db8:1::1]:9200-9201:9200-9201"]}
  db: {networks: [back]}
  a: {networks: [quiet], ports: ["8090:80"]}
  b: {networks: [quiet]}
  r: {networks: [routed], ports: ["80"]}
  u: {networks: [bare]}
  f: {networks: [friends]}
  n: {networks: [named], extra_hosts: ["gate:host-gateway"]}
  p: {networks: [inner], egress: ["q:80", "outside:80", "host:9302", "x:80"]}
  q: {networks: [inner], ingress: ["p:80", "outside:53", "host:80"], ports: ["8300:53"]}
  v: {networks: [inner]}
  x: {networks: [secret]}
  y: {networks: [let]}
  z: {networks: [inner], egress: ["api.x.com:80", "q:53"]}
  w: {networks: [inner], egress: ["api.x.com:80", "outside:53"]}
  o: {networks: [deep]}
services:
  s:
    networks: [open, back]
    deploy: {replicas: 2}
    ports: ["8100:80", "198.51.100.1:8101:80", "9300-9301:9300-9301", "198.51.100.1:9302-9303:9302-9303"]
  t: {networks: [open], affinity: client, deploy: {replicas: 2}, ports: ["8200:80"]}
"""
PORTS = (80, 53, 9302)
ORIGINS = (
    "t-web",
    "t-db",
    "t-a",
    "t-b",
    "t-r",
    "t-u",
    "t-f",
    "t-n",
    "t-s-1",
    "t-p",
    "t-q",
    "t-v",
    "t-x",
    "t-z",
    "t-w",
)
MOST = 60  # connections that are tried for one rule
# What no connection that begins can show, and why.
UNSEEN = {
    "errors": "of ICMP errors alone",
    "related": "of ICMP errors alone",
    "quoting": "of ICMP errors alone",
    "asked": "of names that the host itself is asked for",
    "said_discovery": "of neighbour discovery",
    "said_icmpv6": "of ICMPv6",
    "said_behind": "of extension headers",
    "said_udp": "of DHCP behind extension headers",
    "own_arp": "of ARP",
    "tagged": "of frames with a tag",
    "tagged_ipv4": "of frames with a tag",
    "tagged_ipv6": "of frames with a tag",
    "tagged_arp": "of frames with a tag",
    "tagged_claim": "of frames with a tag",
    "apart_all": "of frames for all",
    "to_several": "of frames for all",
    "deaf": "of frames for all",
    "to_public": "no resolver writes down what this refuses",
    "bridged": "of a mark that others than we look at",
    "shown": "of a mark that others than we look at",
}
# By chain and a part of the rule, what changes no verdict, or is met by none of these, and why.
INVISIBLE = (
    ("", "@remote", "of networks over several hosts"),
    ("inside", "meta iifkind", "of frames past the guard"),
    ("inside", "pkttype", "of frames for all"),
    ("inbound", "fe80::/10", "what is link-local is published nowhere, and forwarded nowhere"),
    ("share_inbound", "fe80::/10", "likewise"),
    ("local", "fe80::/10", "what is link-local is published nowhere"),
    ("share_local", "fe80::/10", "likewise"),
    ("question", "", "nothing else is published on port 53 here: `view` is come to either way"),
    ("share_inbound", "53", "likewise"),
    ("admit", "reply", "an answer to outside needs no mark, and would be let out with one"),
    ("forward", "jump told", "the mark is taken off for who comes after us"),
    ("told", "", "likewise"),
    ("to_host", "meta mark", "likewise"),
    ("to_host", "invalid", "of ICMP errors alone"),
    ("to_host", "related", "of ICMP errors alone"),
    ("known", "related", "of ICMP errors alone"),
    ("policed", "related", "of ICMP errors alone"),
    ("policed_in", "related", "of ICMP errors alone"),
    ("to_host", "127.0.0.0/8", "what is for loopback is dropped before"),
    ("loopback", "", "what is for loopback is dropped before"),
    ("entering", "!= @bridges", "of a bridge of somebody else's"),
    ("entering", "invalid", "of answers that went another way"),
    ("leaving", "!= @bridges", "of a bridge of somebody else's"),
    ("leaving", "iifname @internal", "the routing policy has said so before"),
    ("between", "iifname @internal", "the routing policy has said so before"),
    ("between", "!= @bridges", "of a bridge of somebody else's"),
    ("strangers", "dnat", "of ports that others publish"),
    ("outbound", "@snat6", "nothing here leaves by an address of IPv6 that is written"),
    ("guard", "!= @ports", "of a bridge of somebody else's"),
    ("guard", "vmap", "of ARP and of frames with a tag"),
    ("said_ipv4", "", "TCP passes them all; the rest is of routers and DHCP"),
    ("said_ipv6", "", "likewise"),
    ("share", "publish_at", "no replica here has an address of IPv6, or an affinity, on one address"),
    ("share", "_spans", "no range here has an affinity"),
    ("apart", "01:00:00:00:00:00", "of frames for all"),
    ("", "icmpv6 type { 135, 136 }", "of neighbour discovery"),
    ("midway", "", "of what is no connection's begin"),
    ("", "jump midway", "likewise"),
    ("leaving", "tcp flags", "likewise"),
    ("policed", "iifgroup !=", "who is no container is bound by nothing: it is quicker so"),
    ("policed_in", "iifgroup !=", "likewise"),
    ("policed_in", "@no_metadata", "no host here has such an address"),
    ("opening", "iifgroup !=", "what is opened is from containers alone: it is quicker so"),
    ("opening", "established", "an answer has its mark already"),
    ("caught", "!=", "what is no question is led nowhere: it is quicker so"),
    ("", "@seen-", "nothing has been reached before"),
    ("", "jump to_public", "no resolver writes down what this refuses"),
    ("", "update @seen-", "nothing is reached twice"),
    ("to_outside", "224.0.0.0/3", "of what is sent to groups"),
    ("to_outside", "ff00::/8", "likewise"),
)


@cache
def desired() -> State:
    state = decide(load(["-"], stdin=MANIFEST, environ={}), FACTS)[1]
    return with_name(state, "api.x.com", state)


def attempts(state: State) -> Iterator[Attempt]:
    """From everywhere to everything, and what nobody may claim to be."""
    addresses = [r for r in state.values() if isinstance(r, Address) and not r.ip.startswith("fe80")]
    targets = [
        *SOMEWHERE,
        *(r.ip for r in addresses),
        *FACTS.addresses,
        "127.0.0.11",
        "203.0.113.9",
        "2001:db8:9::9",
    ]
    targets += ["169.254.169.254", "fd00:ec2::254"]
    targets += [ip for r in state.values() if isinstance(r, Balancer) for ip, _, _ in r.servers]
    flows = [r.flow for r in state.values() if isinstance(r, Element) and r.flow]
    ports = sorted({*PORTS, *(flow.first for flow in flows)})
    boxes = [r.name for r in state.values() if isinstance(r, Namespace)]
    origins = ["outside", HOST, *(name for name in boxes if name in ORIGINS)]
    gates = {"127.0.0.11"} | {r.ip for r in addresses if r.ns == HOST} | FACTS.addresses.keys()
    for origin in origins:
        for ip in dict.fromkeys(targets):
            few = ports if ip.startswith(("198.51", "2001:db8:1:", "127.0.0.1")) else PORTS
            yield from (Attempt(origin, ip, port) for port in few)
            yield from [Attempt(origin, ip, 53, 17)] * (ip in gates)
            yield Attempt(origin, ip, 0, 58 if ":" in ip else 1)
    containers = [r.ip for r in addresses if r.ns != HOST]
    for origin, liar in product(
        origins, (containers[0], containers[-1], "198.51.100.1", "fe80::9", "203.0.113.7")
    ):
        same = [ip for ip in targets if (":" in ip) == (":" in liar)]
        yield from (Attempt(origin, ip, 80, 6, liar) for ip in dict.fromkeys(same))


Seen = tuple[object, ...]


def seen(one: Judgement) -> Seen:
    by = (one.stopped.chain, one.stopped.rule) if one.stopped else ()
    return one.open, one.place, one.target, one.seen_as, one.alternatives, by


class Baseline:
    """What is said of all of them, with and without br_netfilter; and by which rules."""

    def __init__(self, bridged: bool):
        self.facts = replace(FACTS, bridged=bridged)
        self.by_rule: dict[tuple[str, str], list[tuple[Attempt, Seen]]] = {}
        world = World(desired(), self.facts)
        for attempt in islice(attempts(desired()), 0, None, 11 if bridged else 1):
            one = judge(world, attempt)
            for place in {(hop.chain, hop.rule) for hop in (*one.hops, *one.back)}:
                self.by_rule.setdefault(place, []).append((attempt, seen(one)))

    def notices(self, chain: Chain, rule: str) -> bool:
        rules = tuple(one for one in chain.rules if one != rule)
        world = World({**desired(), chain.key: replace(chain, rules=rules)}, self.facts)
        known = self.by_rule.get((chain.name, rule), [])
        known = known[:: 1 + len(known) // MOST]
        return any(seen(judge(world, attempt)) != before for attempt, before in known)


@pytest.fixture(scope="module")
def baselines() -> list[Baseline]:
    return [Baseline(bridged) for bridged in (False, True)]


def deciding() -> list[tuple[Chain, str]]:
    """The rules of the chains that such a host has."""
    found = [r for r in desired().values() if isinstance(r, Chain)]
    return [(chain, rule) for chain in found for rule in chain.rules]


@pytest.mark.parametrize("chain, rule", some(deciding(), 3), ids=lambda one: getattr(one, "name", one))
def test_a_rule_that_is_taken_away_is_noticed(baselines, chain, rule):
    assert why_unseen(chain.name, rule) or any(one.notices(chain, rule) for one in baselines)


def why_unseen(chain: str, rule: str) -> str:
    """ "" where somebody has to say it."""
    words = (said for name, part, said in INVISIBLE if name in ("", chain) and part in rule)
    return UNSEEN.get(chain) or next(words, "")


@pytest.mark.parametrize("name, part, why", INVISIBLE)
def test_of_what_is_listed_there_is_something(name, part, why):
    assert any(part in rule for chain in chains() if name in ("", chain.name) for rule in chain.rules)
