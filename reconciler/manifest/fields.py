"""The types of single values: each checks its text, says what is wrong, and gives it in normal form."""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from ipaddress import ip_address, ip_interface, ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
NAME_LENGTH = 63
IFNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")  # IFNAMSIZ is 16, with the terminating zero
HOST = re.compile(r"[A-Za-z0-9_*.]([A-Za-z0-9_.*-]{0,251}[A-Za-z0-9_.*])?")
WORD = re.compile(r"[!-~]+")
MAC = re.compile(r"([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}")
BANDWIDTH = re.compile(r"[1-9][0-9]*[kmg]?bit")
RATE = re.compile(r"[1-9][0-9]*(/(second|minute|hour|day))?")


def wrong(message: str, hint: str = "") -> PydanticCustomError:
    """A mistake in a value; the hint travels beside the message."""
    return PydanticCustomError("value", "{message}", {"message": message, "hint": hint})


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


def address(text: str) -> str:
    try:
        return str(ip_address(text)) if text else ""
    except ValueError:
        raise wrong(f"{text[:60]!r} is no IP address", "as 192.0.2.10 or 2001:db8::10") from None


def host_access(text: str) -> str:
    return text if text in ("", "all") else ",".join(address(part.strip()) for part in text.split(","))


def address_of(version: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        normal = address(text)
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
    return str(network)


def prefix_or_address(text: str) -> str:
    return prefix(text) if "/" in text else str(ip_network(address(text)))


def mac(text: str) -> str:
    if not text:
        return ""
    if not MAC.fullmatch(text):
        raise wrong(f"{text[:60]!r} is no MAC address", "as 02:42:ac:11:00:02, in quotes")
    if int(text[1], 16) & 1:
        raise wrong(f"{text} is a group address", "the second digit must be even")
    return text.lower().replace("-", ":")


def public_key(text: str) -> str:
    """A key of WireGuard, as `wg` writes it: 32 bytes, to the last bit."""
    try:
        raw = b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if text and (len(raw) != 32 or b64encode(raw).decode() != text):
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


def mtu(value: Any) -> Any:
    """Bytes, or auto; 68 is what IPv4 demands (RFC 791), 65535 is the largest packet."""
    if value == "auto":
        return value
    if not str(value).isdecimal() or len(str(value)) > 6 or not 68 <= int(value) <= 65535:
        raise wrong(f"{value!r} is no MTU", "a number from 68 to 65535, or auto")
    return int(value)


Scalar = Annotated[str, BeforeValidator(text, json_schema_input_type=str | int | float | bool | None)]
Name = Annotated[str, AfterValidator(name)]
Address = Annotated[str, AfterValidator(address)]
HostAccess = Annotated[str, AfterValidator(host_access)]
Address4 = Annotated[str, AfterValidator(address_of(4))]
Address6 = Annotated[str, AfterValidator(address_of(6))]
Prefix = Annotated[str, AfterValidator(prefix)]
Source = Annotated[str, AfterValidator(prefix_or_address)]
PublicKey = Annotated[str, AfterValidator(public_key)]
Mac = Annotated[str, AfterValidator(mac)]
Mtu = Annotated[int | str, BeforeValidator(mtu, json_schema_input_type=int | str)]
Ifname = Annotated[
    str, AfterValidator(matching(IFNAME, "interface name", "at most 15 letters, digits, `_`, `.` and `-`"))
]
HostName = Annotated[
    str, AfterValidator(matching(HOST, "host name", "letters, digits, `.`, `_` and `-`; no spaces"))
]
Word = Annotated[str, AfterValidator(matching(WORD, "single word", "no spaces and no control characters"))]
Bits = Annotated[str, AfterValidator(matching(BANDWIDTH, "bandwidth", "as 100mbit"))]
Vlan = Annotated[int, Field(ge=1, le=4094)]
Rate = Annotated[str, AfterValidator(matching(RATE, "rate", "as 100/second"))]
