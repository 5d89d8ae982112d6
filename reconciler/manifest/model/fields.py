"""The values of single keys: each function checks a text, says what is wrong, and gives it in normal form."""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from ipaddress import ip_address, ip_interface, ip_network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any

from ..reserved import is_link_local, nobodys, within
from ..spec import LABEL, OFF
from .pydantics_core import PydanticCustomError

ACCEPTED = re.compile("r[0-9a-f]{15}")  # safety/removals.py: digest
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
NAME_LENGTH = 63
IFNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")  # IFNAMSIZ is 16, with the terminating zero
# conf/all and conf/default stand beside the links' sysctls (devinet_init_net); lo is there from the start.
NO_IFNAMES = ("all", "default", "lo")
PREFIX_LENGTH = 12  # leaves room for 1000 networks of one container
HOST = re.compile(r"[A-Za-z0-9_.]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?")
WORD = re.compile(r"[!-~]+")
MAC = re.compile(r"([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}")
BANDWIDTH = re.compile(r"[1-9][0-9]{0,12}[kmg]?bit")
REPLICA = re.compile(r"[1-9][0-9]{0,4}")
CONSTRAINT = re.compile(r"\s*([\w.-]+)\s*(==|!=)\s*(\S.*?)\s*")


def wrong(message: str, hint: str = "") -> PydanticCustomError:
    """A mistake in a value; the hint travels beside the message."""
    return PydanticCustomError("value", "{message}", {"message": message, "hint": hint})


def message_and_hint(error: PydanticCustomError) -> tuple[str, str]:
    """The message and the hint of a mistake in a value."""
    context = error.context or {}
    return context["message"], context["hint"]


def name_mistake(name: str) -> tuple[str, str]:
    """What is wrong with a name that users choose, and what to do; both empty when nothing is."""
    if len(name) > NAME_LENGTH:
        return f"name of {len(name)} characters", f"at most {NAME_LENGTH}"
    if not NAME.fullmatch(name):
        return f"{name!r} is no name", "letters, digits, `_`, `.` and `-`; neither `-` nor `.` first"
    return "", ""


def name(text: str) -> str:
    message, hint = name_mistake(text)
    if message:
        raise wrong(message, hint)
    return text


def matching(pattern: re.Pattern[str], what: str, hint: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text and not pattern.fullmatch(text):
            raise wrong(f"{text[:60]!r} is no {what}", hint)
        return text

    return check


link = matching(IFNAME, "interface name", "at most 15 letters, digits, `_`, `.` and `-`")
word = matching(WORD, "single word", "no spaces and no control characters")
bandwidth = matching(BANDWIDTH, "bandwidth", "as 100mbit")


def weight_key(text: str) -> str:
    """The number of a replica, or what is so of its host."""
    if not (REPLICA.fullmatch(text) or CONSTRAINT.fullmatch(text)):
        hint = "as 1, from which they are counted, or node.labels.zone == east, or !="
        raise wrong(f"{text[:60]!r} is no number of a replica, and says nothing of its host", hint)
    return text


def host_name(text: str) -> str:
    """What a question to a name server can hold (RFC 1035, 2.3.4)."""
    if text and not HOST.fullmatch(text):
        raise wrong(f"{text[:60]!r} is no host name", "letters, digits, `.`, `_` and `-`; no spaces")
    if text not in ("", ".") and any(
        not 0 < len(label) <= LABEL for label in text.removesuffix(".").split(".")
    ):
        raise wrong(f"{text[:60]!r} is no host name", f"1 to {LABEL} characters between two dots")
    return text


def alias(text: str) -> str:
    """A host name, or `*.` before one: whatever ends so."""
    if "*" in text.removeprefix("*.") or text == "*.":
        raise wrong(f"{text[:60]!r} is no host name", "a star stands for all before the first dot: *.web")
    host_name(text.removeprefix("*."))
    return text


def ifname(text: str) -> str:
    """The name of a link that is not there from the start."""
    text = link(text)
    if text in NO_IFNAMES:
        raise wrong(f"no interface can be named {text}", "choose another name")
    return text


def ifname_prefix(text: str) -> str:
    """What a number is put behind."""
    if not IFNAME.fullmatch(text) or len(text) > PREFIX_LENGTH:
        hint = f"at most {PREFIX_LENGTH} letters, digits, `_`, `.` and `-`"
        raise wrong(f"{text[:60]!r} is no beginning of an interface name", hint)
    return text


def not_a_number(value: Any) -> Any:
    """YAML has made 1000.0 of 1e3: what was written is lost."""
    if isinstance(value, float):
        raise wrong(f"{value} is a number", "in quotes it is text")
    return value


def address(text: str) -> str:
    try:
        ip = ip_address(text) if text else ""
    except ValueError:
        raise wrong(f"{text[:60]!r} is no IP address", "as 192.0.2.10 or 2001:db8::10") from None
    if getattr(ip, "scope_id", None):
        raise wrong(f"{text[:60]!r} names an interface", f"write {text.partition('%')[0]}")
    if mapped := getattr(ip, "ipv4_mapped", None):
        raise wrong(f"{text} is an IPv4 address, mapped", f"write {mapped}")
    return str(ip)


def unicast(text: str) -> str:
    """An address that a machine can have."""
    normal = address(text)
    if normal and (what := nobodys(ip_address(normal))):
        raise wrong(f"{text} is {what}: no machine has it", "as 192.0.2.10 or 2001:db8::10")
    return normal


def bindable(text: str) -> str:
    """An address that the host may answer on: one of its own, any, or loopback."""
    normal = address(text)
    ip = ip_address(normal or "::")
    return normal if ip.is_loopback or ip.is_unspecified else unicast(text)


def reachable(text: str) -> str:
    """An address that needs no interface beside it."""
    normal = unicast(text)
    if normal.startswith("fe") and is_link_local(ip_address(normal)):
        raise wrong(f"{text} is link-local: it leads nowhere without an interface", "as 2001:db8::10")
    return normal


def link_local(text: str) -> str:
    normal = address(text)
    if normal and not is_link_local(ip_address(normal)):
        raise wrong(f"{text} is not link-local", "one of 169.254.0.0/16 or fe80::/10")
    return normal


def server(text: str) -> str:
    """A name server, which may be link-local, with the interface that it is on."""
    bare, percent, zone = text.partition("%")
    if percent and not IFNAME.fullmatch(zone):
        raise wrong(f"{zone[:60]!r} is no interface name", "as fe80::1%eth0")
    return address(bare) + percent + zone


def server_or_off(text: str) -> str:
    return text if text == OFF else server(text)


def host_access(text: str) -> str:
    return text if text in ("", "all") else ",".join(unicast(part.strip()) for part in text.split(","))


def address_of(version: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        normal = unicast(text)
        if normal and (":" in normal) != (version == 6):
            raise wrong(f"{text} is no IPv{version} address", f"IPv{10 - version} has a key of its own")
        return normal

    return check


def prefix(text: str) -> str:
    """A subnet; bits beyond its length are a mistake, as in Docker, since either half may be the typo."""
    try:
        network = ip_interface(text).network
    except ValueError:
        raise wrong(f"{text[:60]!r} is no subnet", "as 10.1.0.0/24 or fd00:1::/64") from None
    if "/" not in text:
        raise wrong(
            f"{text!r} has no prefix length", f"as {text}/24" if network.version == 4 else f"as {text}/64"
        )
    if ip_interface(text).ip != network.network_address:
        raise wrong(f"{text} has bits beyond its length", f"write {network}")
    if getattr(network.network_address, "ipv4_mapped", None):
        raise wrong(f"{text} is IPv4-mapped", "as 10.1.0.0/24 or fd00:1::/64")
    return str(network)


def subnet(text: str) -> str:
    """A prefix whose addresses machines can have."""
    normal = prefix(text)
    range_, what = within(ip_network(normal))
    if range_:
        raise wrong(
            f"{text} is no subnet for containers: {range_} is {what}", "as 10.1.0.0/24 or fd00:1::/64"
        )
    return normal


def prefix_or_address(text: str) -> str:
    return prefix(text) if "/" in text else str(ip_network(address(text)))


def canonical_prefix(text: str) -> str:
    """What `prefix_or_address` makes of it where that is told at once; else "".  There may be 10,000."""
    ip, slash, length = text.partition("/")
    number, bits = (AF_INET6, 128) if ":" in ip else (AF_INET, 32)
    length = length if slash else str(bits)
    try:
        raw = inet_pton(number, ip)
        beyond = bits - int(length)
    except (OSError, ValueError):
        return ""
    plain = inet_ntop(number, raw) == ip and str(bits - beyond) == length and (bits == 32 or "." not in ip)
    if not (plain and 0 <= beyond <= bits) or int.from_bytes(raw, "big") & (1 << beyond) - 1:
        return ""
    return f"{ip}/{length}"


address4, address6 = address_of(4), address_of(6)


def mac(text: str) -> str:
    if not text:
        return ""
    if not MAC.fullmatch(text):
        raise wrong(f"{text[:60]!r} is no MAC address", "as 02:42:ac:11:00:02, in quotes")
    if int(text[1], 16) & 1:
        raise wrong(f"{text} is a group address", "the second digit must be even")
    if not text.strip("0:-"):
        raise wrong(f"{text} is nobody's address", "as 02:42:ac:11:00:02, in quotes")
    return text.lower().replace("-", ":")


def public_key(text: str) -> str:
    """A key of WireGuard, as `wg` writes it: 32 bytes, to the last bit."""
    try:
        raw = b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if text and (len(raw) != 32 or b64encode(raw).decode() != text or not any(raw)):
        raise wrong(f"{text[:60]!r} is no public key", "44 characters, as `reconcile --key` prints them")
    return text


def text(value: Any) -> Any:
    """Labels, options and sysctls are text, whatever YAML makes of them."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case None:
            return ""
    return value


def without_blanks(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """What unset variables leave is nothing."""
    return tuple(filter(None, values))


def file(value: Any) -> Any:
    """A file alone, where more could be said of it."""
    return {"path": value} if isinstance(value, str) else value


def attachment(value: Any) -> Any:
    """Compose's `attach` is about logs: true, false, or a text that means one of them."""
    return None if isinstance(value, bool | str) else value


def network_mode(text: str) -> str:
    """Docker's `default` is its bridge."""
    return "bridge" if text == "default" else text


def mtu(value: Any) -> Any:
    """Bytes, or auto; 68 is what IPv4 demands (RFC 791), 65535 is the largest packet."""
    if value == "auto":
        return value
    if not str(value).isdecimal() or len(str(value)) > 6 or not 68 <= int(value) <= 65535:
        raise wrong(f"{value!r} is no MTU", "a number from 68 to 65535, or auto")
    return int(value)
