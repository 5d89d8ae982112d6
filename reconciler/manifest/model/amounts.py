"""The values of keys about what runs: sizes, times, commands, each checked and in normal form."""

import re
import shlex
from typing import Any

from .fields import host_name, wrong
from .pydantics_core import PydanticCustomError

SIZE = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)  # as docker/go-units reads it
LARGEST = 1 << 62
DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?(?:ns|us|µs|ms|s|m|h))+|0")
PART = re.compile(r"([0-9]+(?:\.[0-9]*)?)(ns|us|µs|ms|s|m|h)")
SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST = 10 * 366 * 24 * 3600.0
RESTART = re.compile(r"no|always|unless-stopped|on-failure(:[0-9]{1,9})?")
MODE = re.compile(r"(0o?)?[0-7]{1,4}")


def size(value: Any) -> Any:
    """Bytes, of a number or of a text as 64m."""
    found = SIZE.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    number = float(found[1]) * 1024 ** " kmgtp".index(found[2].lower() or " ") if found else -1
    if not 0 <= number < LARGEST:
        raise wrong(f"{str(value)[:60]!r} is no size", "bytes, or as 64m or 1gb")
    return int(number)


def size_or_none(value: Any) -> Any:
    return -1 if str(value) == "-1" else size(value)


def whole(value: Any) -> Any:
    """A number as pydantic reads it, but for what Python alone takes for one."""
    if isinstance(value, bool) or isinstance(value, str) and "_" in value:
        raise PydanticCustomError("int_type", "no whole number")
    return value


def count(value: Any) -> Any:
    """A number of processes; -1 is no limit, as 0 is."""
    text = str(value)
    if text != "-1" and not (text.isdecimal() and len(text) < 10):
        raise wrong(f"{text[:60]!r} is no number of processes", "as 100; -1 is no limit")
    return max(int(text), 0)


def duration(value: Any) -> Any:
    """Seconds, of a text as 1m30s."""
    text = str(value).strip()
    if not DURATION.fullmatch(text) or (seconds := summed(text)) > LONGEST:
        hint = "with its unit: 10s" if text.isdecimal() else "as 1m30s"
        raise wrong(f"{text[:60]!r} is no time", hint)
    return seconds


def summed(text: str) -> float:
    return sum(float(number) * SECONDS[unit] for number, unit in PART.findall(text))


def words(value: Any) -> Any:
    """A command: one line is split as a shell would."""
    if not isinstance(value, str):
        return [value] if isinstance(value, int | float) else value
    try:
        return shlex.split(value)
    except ValueError as error:
        raise wrong(f"no command: {str(error).lower()}", "close the quotation, or write a list") from None


def health_test(value: Any) -> Any:
    """The words of a program; one line is the shell's, and NONE no program at all."""
    if isinstance(value, str):
        return ("/bin/sh", "-c", value)
    match value:
        case ["NONE"]:
            return ()
        case ["CMD-SHELL", line]:
            return ("/bin/sh", "-c", line)
        case ["CMD", _, *_]:
            return tuple(value[1:])
        case list():
            raise wrong("no test", "write one line, or a list that begins with CMD, CMD-SHELL or NONE")
    return value


def restart(text: str) -> str:
    if not RESTART.fullmatch(text):
        hint = "no, always, unless-stopped, on-failure or on-failure:TIMES"
        raise wrong(f"{text[:60]!r} is no restart policy", hint)
    return text


def pull_policy(value: Any) -> Any:
    return "missing" if value == "if_not_present" else value


def mode(value: Any) -> Any:
    """Permissions; YAML has read the digits of 0440 as a number of tens."""
    if not MODE.fullmatch(str(value)):
        raise wrong(f"{str(value)[:60]!r} are no permissions", "as 0440")
    return int(str(value), 8)


def linked(text: str) -> str:
    """A service, and behind a colon another name for it, which a hosts file gets."""
    host_name(text.partition(":")[2])
    return text


def inside(text: str) -> str:
    """A path in the container."""
    if not text.startswith("/") or "\0" in text:
        raise wrong(f"{text[:60]!r} is no path in a container", "begin it with a slash")
    return text


def mount(value: Any) -> Any:
    """An entry whose short spelling could not be read."""
    if isinstance(value, str):
        raise wrong(
            f"{value[:60]!r} is no mount",
            "[SOURCE:]TARGET[:MODE], of ro, rw, nocopy, z, Z and the propagations of mount(8)",
        )
    return value
