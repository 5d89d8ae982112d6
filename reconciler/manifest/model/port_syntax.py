"""Compose's short port syntax, with compose-go's results kept as ranges."""

import re
from typing import Any

from .fields import bindable, wrong
from .pydantics_core import PydanticCustomError

RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
PROTOCOLS = ("tcp", "udp", "sctp")
EXAMPLE = "as 8080:80, 127.0.0.1:8080:80/tcp or 8000-8009:8000-8009"


def bounds(value: Any, what: str, lowest: int = 1) -> tuple[int, int]:
    """`80`, `"80"` or `"80-89"`, both ends inclusive."""
    match = RANGE.fullmatch(str(value)) if not isinstance(value, bool) else None
    if not match:
        raise wrong(f"{str(value)[:40]!r} is no {what}", EXAMPLE)
    first, last = int(match[1]), int(match[2] or match[1])
    if not lowest <= first or not last <= 65535:
        raise wrong(f"{what} {value} is out of range", f"ports go from {lowest} to 65535")
    if last < first:
        raise wrong(f"{what} {value} runs backwards", f"write {last}-{first}")
    return first, last


def target(value: Any) -> tuple[int, int]:
    return value if isinstance(value, tuple) else bounds(value, "container port")


def published(value: Any) -> tuple[int, int] | None:
    """The host ports; zero and nothing mean a random one."""
    if value is None or isinstance(value, tuple):
        return value
    first, last = (0, 0) if value in ("", 0, "0") else bounds(value, "host port", 0)
    return (first, last) if last else None


def protocol(value: Any) -> str:
    word = str(value).lower()
    if word not in PROTOCOLS:
        raise wrong(f"{str(value)[:40]!r} is no protocol", f"there are: {', '.join(PROTOCOLS)}")
    return word


def host_ip(value: Any) -> str:
    """An address of the host; brackets around IPv6 are the short syntax's."""
    text = str(value)
    try:
        return bindable(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    except PydanticCustomError:
        raise wrong(f"{text[:60]!r} is no address of the host", EXAMPLE) from None


def same_length(inner: tuple[int, int], outer: tuple[int, int] | None) -> None:
    """Ranges map one to one; a range of host ports for a single container port offers a choice."""
    if outer and inner[0] != inner[1] and outer[1] - outer[0] != inner[1] - inner[0]:
        sizes = f"{outer[1] - outer[0] + 1} host ports for {inner[1] - inner[0] + 1} container ports"
        raise wrong(sizes, "make both ranges equally long")


def matching_ranges(port: Any) -> Any:
    same_length(vars(port)["target"], vars(port)["published"])
    return port


def short(value: Any) -> Any:
    """The fields of the long syntax that a short entry stands for; anything else passes."""
    if isinstance(value, bool | float) or not isinstance(value, str | int):
        if isinstance(value, bool | float):
            raise wrong(f"{value} is no port", EXAMPLE)
        return value
    whole = str(value).strip()
    spec, _, word = whole.partition("/")
    parts = spec.rsplit(":", 2)
    if not parts[-1]:
        raise wrong(f"no container port in {whole[:60]!r}", EXAMPLE)
    inner = bounds(parts[-1], "container port")
    outer = published(parts[-2]) if len(parts) > 1 else None
    return {
        "target": inner,
        "published": outer,
        "host_ip": parts[0] if len(parts) > 2 else "",
        "protocol": word or "tcp",
    }


def identity(value: Any) -> Any:
    """What tells a port apart when files are merged; None of what is none."""
    try:
        port = short(value)
        if not isinstance(port, dict):
            return None
        ends = published(port.get("published")), target(port.get("target"))
        return (host_ip(port.get("host_ip") or "0.0.0.0"), *ends, protocol(port.get("protocol") or "tcp"))
    except PydanticCustomError:
        return None


def exposed(value: Any) -> Any:
    """`expose` takes a container port or a range, with or without a protocol."""
    spec, _, word = str(value).partition("/")
    bounds(spec, "container port")
    return f"{spec}/{protocol(word)}" if word else spec
