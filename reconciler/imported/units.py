"""Files of systemd's kind, and what those of networks say (podman-systemd.unit(5))."""

import re
import shlex
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from .draft import compact
from .inspected import short

Unit = Mapping[str, list[tuple[str, str]]]  # keys and texts by section, as often as they are written
SPECIFIER = re.compile(r"(?:%%|[^%])*%[^%].*", re.DOTALL)
TRUE = ("1", "yes", "true", "on")


def parsed(text: str) -> Unit:
    """As systemd.syntax(7) has it."""
    found: dict[str, list[tuple[str, str]]] = {}
    section = ""
    for line in re.sub(r"\\\n[ \t]*", " ", text).splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line and line[0] not in "#;":
            key, _, said = line.partition("=")
            found.setdefault(section, []).append((key.strip(), said.strip()))
    return found


def last(unit: Unit, section: str, key: str) -> str:
    return next((said for name, said in reversed(unit.get(section, [])) if name == key), "")


def specifiers(unit: Unit) -> Iterator[str]:
    for section, rows in unit.items():
        yield from (
            f"{key}={short(text)}" for key, text in rows if section != "Install" and SPECIFIER.fullmatch(text)
        )


def plain(unit: Unit) -> Unit:
    """Without these, and with each other `%` as it is meant."""
    return {section: [*without_specifiers(section, rows)] for section, rows in unit.items()}


def without_specifiers(section: str, rows: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for key, text in rows:
        if section == "Install" or not SPECIFIER.fullmatch(text):
            yield key, text.replace("%%", "%")


def split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return [text]


def assignments(text: str) -> dict[str, str]:
    return {name: said for name, _, said in (one.partition("=") for one in split(text))}


def truth(text: str) -> bool:
    return text.lower() in TRUE


def network(unit: Unit, lost: list[str]) -> dict[str, Any]:
    rows = unit.get("Network", [])
    known = {key: [text for name, text in rows if name == key] for key, _ in rows}
    pools = zip_longest(*(known.pop(key, []) for key in ("Subnet", "Gateway", "IPRange")), fillvalue="")
    driver = "".join(known.pop("Driver", [])[-1:])
    options = {name: said for text in known.pop("Options", []) for name, said in assignments(text).items()}
    said = compact(
        driver=driver if driver != "bridge" else "",
        parent=options.pop("parent", ""),
        internal=any(map(truth, known.pop("Internal", []))),
        enable_ipv6=any(map(truth, known.pop("IPv6", []))),
        bridge_name="".join(known.pop("InterfaceName", [])[-1:]),
        dns=known.pop("DNS", []) if not any(map(truth, known.pop("DisableDNS", []))) else "off",
        labels={name: text for row in known.pop("Label", []) for name, text in assignments(row).items()},
        driver_opts={f"{driver}_mode" if name == "mode" else name: text for name, text in options.items()},
        ipam={"config": [compact(subnet=s, gateway=g, ip_range=r) for s, g, r in pools]},
    )
    if not said["ipam"]["config"]:
        del said["ipam"]
    known.pop("NetworkName", None)
    lost += (f"{key}={short(text)}" for key, those in known.items() for text in those)
    return said
