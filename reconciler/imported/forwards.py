"""Ports of the host that lead elsewhere: in our own maps, in nft's JSON, in the text of iptables-save."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..kinds.maps import REACHABLE
from ..kinds.nft import Element
from .standing import Forward

PORTS = re.compile(r"(\d{1,5})(?:[-:](\d{1,5}))?")
TARGET = re.compile(r"(?:\[([0-9a-f:]+)\]|([0-9.]+))(?::(\d{1,5}(?:-\d{1,5})?))?")
# What rules of iptables may say: all else narrows what they are about.
OPTIONS = {"-p": "protocol", "-d": "host_ip", "--dport": "span", "--to-destination": "to"}
QUIET = {"-A", "-j", "--comment"}
MATCHES = {"tcp", "udp", "sctp", "comment"}
ONE = re.compile(r"/(32|128)")  # behind a single address


def of_elements(elements: Iterable[Element]) -> Iterator[Forward]:
    for one in elements:
        if one.map.startswith(REACHABLE):
            ip, protocol, port = one.item.split(" . ")
            yield Forward(protocol, "", 0, 0, ip, int(port))
        if flow := one.flow:
            ip, _, port = one.value.partition(" . ")
            target = int(port) if port.isdecimal() else flow.first
            if ip:
                yield Forward(flow.protocol, flow.ip, flow.first, flow.last, ip, target)


def of_nft(said: Any) -> tuple[list[Forward], list[str]]:
    """Those of `nft -j list ruleset` that are not ours, and rules that say more than that."""
    found, strange = list[Forward](), list[str]()
    for row in said.get("nftables", ()) if isinstance(said, Mapping) else ():
        rule = row.get("rule") if isinstance(row, Mapping) else None
        parts = rule.get("expr") if isinstance(rule, Mapping) else None
        dnat = next((one["dnat"] for one in parts or () if isinstance(one, Mapping) and "dnat" in one), None)
        if isinstance(rule, Mapping) and dnat is not None and rule.get("table") != "reconciler":
            one = of_rule(parts or [], dnat)
            where = f"a dnat in chain {rule.get('chain')} of table {rule.get('table')}"
            found += one
            strange += [] if one else [where]
    return found, strange


def of_rule(parts: Iterable[Any], dnat: Any) -> list[Forward]:
    """[] where it asks for anything but protocol, address and port."""
    protocol, host_ip, span = "", "", ""
    for one in parts:
        match one:
            case {
                "match": {
                    "op": "==",
                    "left": {"payload": {"protocol": str(of), "field": "dport"}},
                    "right": right,
                }
            }:
                protocol, span = of, as_span(right)
            case {"match": {"op": "==", "left": {"payload": {"field": "daddr"}}, "right": str(right)}}:
                host_ip = right
            case {"match": {"op": "==", "left": {"fib": _}}} | {"counter": _} | {"dnat": _}:
                pass
            case {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": str(right)}}:
                protocol = right
            case _:
                return []
    match dnat:
        case {"addr": str(ip)}:
            to = dnat.get("port")
            return [*forward(protocol, host_ip, span, ip, as_span(to))] if to is None or as_span(to) else []
    return []


def as_span(right: Any) -> str:
    match right:
        case int():
            return str(right)
        case {"range": [int(first), int(last)]}:
            return f"{first}-{last}"
    return ""


def forward(protocol: str, host_ip: str, span: str, ip: str, to: str) -> Iterator[Forward]:
    """Several ports lead to themselves here, and never all of them to one, or to any of others."""
    if (known := PORTS.fullmatch(span)) and (target := PORTS.fullmatch(to or span)) and protocol:
        first, last = int(known[1]), int(known[2] or known[1])
        ports = int(target[1]), int(target[2] or target[1])
        if first <= last <= 65535 and (ports == (first, last) or ports[0] == ports[1] and first == last):
            yield Forward(protocol, host_ip, first, last, ip, ports[0])


def of_iptables(text: str) -> tuple[list[Forward], list[str]]:
    """Those of `iptables-save -t nat`, and rules that say more than that."""
    found, strange = list[Forward](), list[str]()
    for line in text.splitlines():
        if " -j DNAT " in line:
            one = [*of_line(line)]
            found += one
            strange += [] if one else [f"iptables: {line}"]
    return found, strange


def of_line(line: str) -> Iterator[Forward]:
    try:
        words = shlex.split(line)
    except ValueError:
        return
    pairs = [*zip(words[::2], words[1::2], strict=False)]
    said = {OPTIONS[key]: word for key, word in pairs if key in OPTIONS}
    plain = all(key in OPTIONS or key in QUIET or (key == "-m" and word in MATCHES) for key, word in pairs)
    host_ip, to = ONE.sub("", said.get("host_ip", "")), TARGET.fullmatch(said.get("to", ""))
    if plain and to and "/" not in host_ip:
        protocol, span = said.get("protocol", ""), said.get("span", "")
        yield from forward(protocol, host_ip, span, to[1] or to[2], to[3] or "")
