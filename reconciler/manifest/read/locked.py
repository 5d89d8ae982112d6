"""The values of addresses.lock: each what its line needs, and inside the network's own subnet."""

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_network
from typing import NamedTuple

from ...errors import ManifestError, Where
from ...family import family
from ...mistakes import WrongLock
from ..model.fields import message_and_hint, prefix, subnet, unicast, wrong
from ..model.pydantics_core import PydanticCustomError
from ..reserved import Prefix, is_part
from ..spec import VNIS

WORD = re.compile(r"\S+")
VNI = re.compile(r"[1-9][0-9]{0,7}")
HINT = "remove the line and run `reconcile --lock`"


class Value(NamedTuple):
    """One word of a line, and where it stands."""

    network: str
    name: str
    text: str
    where: Where

    @property
    def family(self) -> int:
        return family(self.text)


def value_mistakes(text: str, file: str) -> Iterator[ManifestError]:
    """What no `--lock` has written: merged badly, or by hand."""
    homes: dict[tuple[str, int], Prefix] = {}
    inside = []
    first: dict[tuple[str, str, int], Value] = {}
    for value in values(text, file):
        message, hint = wrong_value(value)
        if message:
            yield WrongLock(message, hint, value.where)
        elif (other := first.setdefault((value.network, value.name, value.family), value)) is not value:
            yield WrongLock(f"{value.name} has {other.text} already", HINT, value.where)
        elif value.name == "@subnet":
            homes[value.network, value.family] = ip_network(value.text)
        elif value.name != "@vni":
            inside.append(value)
    yield from outside(inside, homes)


def values(text: str, file: str) -> Iterator[Value]:
    for number, line in enumerate(text.splitlines(), 1):
        words = [] if line.startswith("#") else list(WORD.finditer(line))
        for word in words[2:]:
            yield Value(words[0][0], words[1][0], word[0], Where(file, number, word.start() + 1))


def wrong_value(value: Value) -> tuple[str, str]:
    """The message and the hint, both empty where it is in order."""
    try:
        normal = check_of(value)(value.text)
    except PydanticCustomError as error:
        return message_and_hint(error)[0], HINT
    return ("", "") if normal == value.text else (f"{value.text} is not in normal form", f"write {normal}")


def check_of(value: Value) -> Callable[[str], str]:
    """A network's own lines, a host's slice of a routed network, or somebody's address."""
    match value.name:
        case "@vni":
            return vni
        case "@subnet":
            return subnet
    return prefix if value.name.startswith("@") and "/" in value.text else unicast


def vni(text: str) -> str:
    if not VNI.fullmatch(text) or int(text) not in VNIS:
        raise wrong(f"{text[:60]!r} is no VNI", f"from {VNIS[0]} to {VNIS[-1]}")
    return text


def outside(inside: list[Value], homes: Mapping[tuple[str, int], Prefix]) -> Iterator[ManifestError]:
    """Addresses and slices that are in none of the subnets which their network has."""
    networks = {network for network, _ in homes}
    for value in inside:
        home = homes.get((value.network, value.family))
        if value.network in networks and not (home and is_part(ip_network(value.text), home)):
            known = ", ".join(str(homes[key]) for key in sorted(homes) if key[0] == value.network)
            message = f"{value.text} of {value.name} is outside {known}, the subnet of {value.network}"
            yield WrongLock(message, HINT, value.where)
