"""Rules of others that lead elsewhere: told as they are, or as rules that say more."""

from typing import Any

import pytest

from reconciler.imported.forwards import of_iptables, of_nft
from reconciler.imported.standing import Forward

DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}
DADDR = {"payload": {"protocol": "ip", "field": "daddr"}}


def is_(left: Any, right: Any, op: str = "==") -> Any:
    return {"match": {"op": op, "left": left, "right": right}}


def span(first: int, last: int) -> Any:
    return {"range": [first, last]}


def nft(*parts: Any) -> list[Forward]:
    """Its ports, or none, and then it is strange."""
    rule = {"rule": {"table": "theirs", "chain": "pre", "expr": [*parts]}}
    found, strange = of_nft({"nftables": [rule]})
    assert bool(strange) != bool(found)
    return found


def iptables(words: str, to: str) -> list[Forward]:
    found, strange = of_iptables(f"*nat\n-A PREROUTING {words} -j DNAT --to-destination {to}\nCOMMIT\n")
    assert bool(strange) != bool(found)
    return found


def test_a_port_and_several_that_stay_themselves():
    one = [Forward("tcp", "", 80, 80, "10.0.0.2", 8080)]
    several = [Forward("tcp", "198.51.100.1", 53, 55, "10.0.0.2", 53)]
    here = is_(DADDR, "198.51.100.1")
    assert nft(is_(DPORT, 80), {"dnat": {"addr": "10.0.0.2", "port": 8080}}) == one
    assert nft(here, is_(DPORT, span(53, 55)), {"dnat": {"addr": "10.0.0.2"}}) == several
    assert (
        nft(here, is_(DPORT, span(53, 55)), {"dnat": {"addr": "10.0.0.2", "port": span(53, 55)}}) == several
    )
    tcp = '-p tcp -m comment --comment "not -s" -m tcp'
    assert iptables(f"{tcp} --dport 80", "10.0.0.2:8080") == one
    assert iptables(f"-d 198.51.100.1/32 {tcp} --dport 53:55", "10.0.0.2") == several
    assert iptables(f"-d 198.51.100.1/32 {tcp} --dport 53:55", "10.0.0.2:53-55") == several
    assert iptables("-p udp -m udp --dport 53", "[2001:db8::2]:5") == [
        Forward("udp", "", 53, 53, "2001:db8::2", 5)
    ]


@pytest.mark.parametrize(
    "parts",
    [
        (is_(DPORT, span(53, 55)), {"dnat": {"addr": "10.0.0.2", "port": 1053}}),
        (is_(DPORT, span(53, 55)), {"dnat": {"addr": "10.0.0.2", "port": span(1053, 1055)}}),
        (is_(DPORT, 53), {"dnat": {"addr": "10.0.0.2", "port": span(1053, 1055)}}),
        (is_(DPORT, 80, "!="), {"dnat": {"addr": "10.0.0.2"}}),
        (is_(DADDR, "198.51.100.1", "!="), is_(DPORT, 80), {"dnat": {"addr": "10.0.0.2"}}),
        (is_({"meta": {"key": "l4proto"}}, "udp", "!="), is_(DPORT, 80), {"dnat": {"addr": "10.0.0.2"}}),
        (is_({"fib": {"result": "type"}}, "local", "!="), is_(DPORT, 80), {"dnat": {"addr": "10.0.0.2"}}),
        (is_({"meta": {"key": "iifname"}}, "eth0"), is_(DPORT, 80), {"dnat": {"addr": "10.0.0.2"}}),
    ],
)
def test_a_rule_of_nft_that_says_more(parts):
    assert nft(*parts) == []


@pytest.mark.parametrize(
    ("words", "to"),
    [
        ("-p tcp -m tcp --dport 53:55", "10.0.0.2:1053"),
        ("-p tcp -m tcp --dport 53:55", "10.0.0.2:1053-1055"),
        ("-p tcp -m tcp --dport 53", "10.0.0.2:1053-1055"),
        ("-d 198.51.100.0/24 -p tcp -m tcp --dport 80", "10.0.0.2:80"),
        ("! -d 198.51.100.1/32 -p tcp -m tcp --dport 80", "10.0.0.2:80"),
        ("-s 192.0.2.4/32 -p tcp -m tcp --dport 80", "10.0.0.2:80"),
        ("-i eth0 -p tcp -m tcp --dport 80", "10.0.0.2:80"),
        ("-p tcp -m set --match-set known src -m tcp --dport 80", "10.0.0.2:80"),
        ("-p tcp -m statistic --mode random --probability 0.5 -m tcp --dport 80", "10.0.0.2:80"),
        ("-p tcp -m tcp --dport 80", "10.0.0.2-10.0.0.9:80"),
        ("-p tcp", "10.0.0.2"),
        ('-p tcp -m comment --comment "open', "10.0.0.2"),
    ],
)
def test_a_rule_of_iptables_that_says_more(words, to):
    assert iptables(words, to) == []
