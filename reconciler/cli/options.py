"""The options: what each takes, checked alike on the command line and in its environment twin."""

import argparse
import difflib
import math
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import UsageError
from ..paths import STATE

LEVELS = ["none", "flow", "link", "recreate"]
TWIN = "RECONCILE_"
TRUTH = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
REMOVALS = re.compile(r"[0-9]{1,9}|(100|[0-9]{1,2})%")
PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")  # what Compose makes of any name
LONGEST = 366 * 24 * 3600.0  # seconds; poll and the kernel's timers take no infinity


def word(text: str) -> str:
    """Blank is what a shell makes of a variable that is not set."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is blank")
    return text


def project(text: str) -> str:
    if not PROJECT.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no project name: small letters, digits, `-` and `_`")
    return text


def removals(text: str) -> str:
    if not REMOVALS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor a percentage: as 3 or 50%")
    return text


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds: from 0 to {LONGEST:.0f}")
    return value


def some_seconds(text: str) -> float:
    value = seconds(text)
    if not value:
        raise argparse.ArgumentTypeError(f"{text!r} leaves no time to confirm it")
    return value


OPTIONS: dict[str, dict[str, Any]] = {
    "--project": {
        "action": "append",
        "default": [],
        "type": project,
        "metavar": "NAME",
        "help": "only these projects (repeatable)",
    },
    "--host": {
        "metavar": "NAME",
        "type": word,
        "help": "which of `hosts:` this machine is (default: its hostname)",
    },
    "--check": {"action": "store_true", "help": "--lock: only tell whether the file is as it should be"},
    "--exit-code": {"action": "store_true", "help": "--plan: exit 2 when there are changes"},
    "--out": {
        "metavar": "FILE",
        "type": word,
        "help": "--plan: write the plan, --status: all that stands, as JSON to FILE too",
    },
    "--against": {
        "metavar": "FILE",
        "type": word,
        "help": "--plan, --show, --explain: compare with what --status --out wrote",
    },
    "--only": {"metavar": "DIGEST", "type": word, "help": "--apply: only the plan that was reviewed"},
    "--rehearse": {"action": "store_true", "help": "try it where it harms nobody; with --apply, or alone"},
    "--no-prune": {"action": "store_true", "help": "leave what is no longer declared"},
    "--max-removals": {
        "metavar": "N|P%",
        "type": removals,
        "help": "remove no more networks and sandboxes than this",
    },
    "--max-disruption": {"choices": LEVELS, "help": "cost running traffic no more than this"},
    "--confirm-within": {
        "metavar": "SECONDS",
        "type": some_seconds,
        "default": 0.0,
        "help": "--apply: undo it unless --confirm comes",
    },
    "--state-dir": {
        "metavar": "DIR",
        "type": word,
        "default": STATE,
        "help": "where revisions and this host's key are kept",
    },
    "--wait": {"metavar": "SECONDS", "type": seconds, "default": 0.0, "help": "wait for the host's lock"},
    "-o --output": {
        "choices": ["text", "wide", "json", "shell"],
        "default": "text",
        "help": "text, wide (every step), json or shell commands",
    },
    "-v --verbose": {"action": "store_true", "help": "also list unused keys, and the traceback of a bug"},
    "-q --quiet": {"action": "store_true", "help": "print errors only"},
    "--color": {"choices": ["auto", "always", "never"], "default": "auto", "help": "colour the plan"},
}


def add(parser: argparse.ArgumentParser, environ: Mapping[str, str] = os.environ) -> None:
    """All of them, each with the default that its environment twin sets."""
    for spelling, more in OPTIONS.items():
        names = spelling.split()
        if (text := environ.get(twin(names[-1]))) is not None:
            more = {**more, "default": twins_value(twin(names[-1]), text, more)}
        parser.add_argument(*names, **more)


def twin(name: str) -> str:
    return TWIN + name.lstrip("-").replace("-", "_").upper()


def twins_value(name: str, text: str, more: Mapping[str, Any]) -> Any:
    """What the option would be if it were written; raises UsageError."""
    action, take = more.get("action"), more.get("type", str)
    word = text.lower() if action == "store_true" else text
    known = TRUTH if action == "store_true" else more.get("choices")
    if known and word not in known:
        raise UsageError(f"{name}={text}: {text!r} is no value of it", f"there are: {', '.join(known)}")
    try:
        match action:
            case "store_true":
                return TRUTH[word]
            case "append":
                return [take(part.strip()) for part in text.split(",")]
        return take(text)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{name}={text}: {error}") from None


def strangers(environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Variables that look like twins and are none, each with the one that was probably meant."""
    known = [twin(spelling.split()[-1]) for spelling in OPTIONS]
    for name in sorted(n for n in environ if n.startswith(TWIN) and n not in known):
        near = difflib.get_close_matches(name, known, 1, 0.8)
        yield f"{name} sets no option" + (f"; did you mean {near[0]}?" if near else "")
