"""Ports of the host that lead elsewhere: in our own maps, in nft's JSON, in the text of iptables-save."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..kinds.nft import REACHABLE, Element
from .standing import Forward

PORTS = re.compile(r"(\d{1,5})(?:[-:](\d{1,5}))?")
TARGET = re.compile(r"(?:\[([0-9a-f:]+)\]|([0-9.]+))(?::(\d{1,5})(?:-\d{1,5})?)?")
OPTIONS = {"-p": "protocol", "-d": "host_ip", "--dport": "ports", "--to-destination": "to"}


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
            case {"match": {"left": {"fib": _}}} | {"counter": _} | {"dnat": _}:
                pass
            case {"match": {"left": {"meta": {"key": "l4proto"}}, "right": str(right)}}:
                protocol = right
            case _:
                return []
    match dnat:
        case {"addr": str(ip), "port": int(port)}:
            return [*forward(protocol, host_ip, span, ip, str(port))]
        case {"addr": str(ip)}:
            return [*forward(protocol, host_ip, span, ip, "")]
    return []


def as_span(right: Any) -> str:
    match right:
        case int():
            return str(right)
        case {"range": [int(first), int(last)]}:
            return f"{first}-{last}"
    return ""


def forward(protocol: str, host_ip: str, span: str, ip: str, port: str) -> Iterator[Forward]:
    if (known := PORTS.fullmatch(span)) and protocol:
        first, last = int(known[1]), int(known[2] or known[1])
        if first <= last <= 65535:
            yield Forward(protocol, host_ip, first, last, ip, int(port or first))


def of_iptables(text: str) -> tuple[list[Forward], list[str]]:
    """Those of `iptables-save -t nat`, and rules that say more than that."""
    found, strange = list[Forward](), list[str]()
    for line in text.splitlines():
        if " -j DNAT " not in line:
            continue
        words = line.split()
        said = {OPTIONS[key]: word for key, word in zip(words, words[1:], strict=False) if key in OPTIONS}
        known = TARGET.fullmatch(said.get("to", ""))
        plain = "!" not in words and not {"-s", "--sport", "-m set"} & {*words}
        one = []
        if known and plain:
            at = said.get("host_ip", "").partition("/")[0]
            one = [
                *forward(
                    said.get("protocol", ""), at, said.get("ports", ""), known[1] or known[2], known[3] or ""
                )
            ]
        found += one
        strange += [] if one else [f"iptables: {line}"]
    return found, strange
