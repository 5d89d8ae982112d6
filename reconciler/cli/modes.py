"""The modes of the command: in which file each is, what `--help` says of it, and what it may be given."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from .options import EXPORTS, PICTURES, revision, word


class Mode(NamedTuple):
    """`room` is the file here with the function of the mode's name; a run imports no other."""

    room: str
    help: str = ""  # "" where an option names the mode
    value: Mapping[str, Any] | None = None  # how argparse is to take one
    function: str = ""  # where the mode's name is a word of Python's


MODES = {
    "plan": Mode("plan", "show what would change, and what that costs running traffic (the default)"),
    "apply": Mode("apply", "make it so: all of it, or nothing"),
    "destroy": Mode("apply", "remove everything of these projects"),
    "status": Mode("status", "tell what stands and whether it is in sync (exit 2 when it is not)"),
    "validate": Mode("validate", "check the manifests alone; needs neither root nor a kernel"),
    "schema": Mode("validate", "print the JSON schema of a manifest, for editors"),
    "lock": Mode("validate", "write addresses.lock, which keeps what several hosts agree on"),
    "key": Mode(
        "validate", "make this host's key for encrypted overlays and EVPN, once, and print its public half"
    ),
    "show": Mode("show", "print the networks, containers, addresses and ports as decided"),
    "watch": Mode("watch", "follow the manifests and put right what drifts, until told to stop"),
    "confirm": Mode("apply", "keep what --apply --confirm-within applied"),
    "history": Mode("status", "list past revisions"),
    "doctor": Mode(
        "doctor",
        "tell what on this host will bite, with the command that mends it (exit 2 when there is any)",
    ),
    "suspend": Mode("watch", "let the watcher apply nothing"),
    "resume": Mode("watch", "let the watcher go on"),
    "rollback": Mode(
        "apply",
        "apply a past revision; without N the one before",
        {"metavar": "N", "nargs": "?", "type": revision, "const": -1},
    ),
    "explain": Mode(
        "explain",
        "tell everything about a container, network, port, address, link, word of a plan, or id of an error",
        {"metavar": "WORD", "type": word},
    ),
    "resolve": Mode(
        "resolve", "tell whose a name or an address is, and by which line", {"metavar": "NAME", "type": word}
    ),
    "trace": Mode(
        "trace",
        "tell whether FROM reaches TO, by which rules and which line (exit 1 when not)",
        {"metavar": ("FROM", "TO:PORT[/PROTO]"), "nargs": 2, "type": word},
    ),
    "drops": Mode("drops", "follow what `log: true` tells of what is refused, until told to stop"),
    "exposure": Mode("exposure", "print what of each container is reachable from where"),
    "test": Mode(
        "tried", "try with real packets whether what stands is as `expect:` says (exit 1 when it is not)"
    ),
    "logs": Mode("handover", "tell what a container has said", {"metavar": "NAME", "type": word}),
    "exec": Mode(
        "handover", "run a command in a container: --exec NAME -- COMMAND", {"metavar": "NAME", "type": word}
    ),
    "guest": Mode(
        "guest",
        "answer a runtime's plugin call on standard input: cni, or netavark with its words",
        {"metavar": "KIND", "choices": ("cni", "netavark")},
    ),
    "import": Mode(
        "importing",
        "write a manifest of what docker, podman or compose has, or of what stands live",
        {"metavar": "SOURCE", "choices": ("docker", "podman", "compose", "live"), "dest": "import_"},
        "imported",
    ),
    "init": Mode("importing", "write a first manifest, with comments on what this host has"),
    "rehearse": Mode("apply"),
    "graph": Mode("graph"),
}


# What Compose, Terraform and others call them, whose words fingers know.
ELSEWHERE = {
    "up": "apply",
    "down": "destroy",
    "ps": "status",
    "ls": "status",
    "config": "show",
    "diff": "plan",
    "dry-run": "plan",
    "inspect": "explain",
    "delete": "destroy",
    "rm": "destroy",
    "get": "status",
    "describe": "explain",
    "help": "help",
    "version": "version",
}
# Modes that may be about another host, and those that may scale beside the files.
LOOKING = ("plan", "show", "explain", "resolve", "trace", "exposure", "graph")
SCALED = ("plan", "apply", "rehearse", "show", "explain", "trace", "exposure", "lock", "graph")
PLANNED = ("plan", "apply", "destroy", "rollback")  # modes that tell a plan
WHOLE = ("confirm", "suspend", "resume", "rollback", "history")  # modes that are about all projects
# What -o may say of a mode beside `text`; one that is not here has text alone.
FORMS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(PLANNED, ("wide", "json", "markdown", "shell")),
    **dict.fromkeys(("status", "history", "validate", "schema", "resolve", "trace", "exposure"), ("json",)),
    **dict.fromkeys(("drops", "test", "doctor"), ("json",)),
    "show": ("json", *EXPORTS),
    "graph": PICTURES,
}
WRITTEN = ("plan", "status", "import")  # modes of which --out keeps what they tell
WORDED = {"exec", "guest"}  # modes behind which no PATH stands, but what another program is told
