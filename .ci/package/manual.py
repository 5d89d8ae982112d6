"""The manual pages: reconcile(1), of what the command line takes, reconcile.yaml(5), of the schema, and
reconciler-cni(8), of what runtimes may ask."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from reconciler.cli import help
from reconciler.guests import cni, netavark
from reconciler.version import __version__

SCHEMA = Path(__file__).parents[2] / "schemas/manifest.schema.json"
UNUSED = "Accepted for Compose's sake; nothing uses it."
TYPES = {"string": "text", "integer": "number", "number": "number", "boolean": "true or false"}
PATHS = (
    "PATH is a file, a directory or - for standard input; without one it is /etc/reconciler.  A directory is "
    "the whole truth of its projects: what left it is removed at the next apply."
)
EXITS = {
    "0": "done",
    "1": "failed, and the host is as it was",
    "2": "changes, or not in sync, where that is asked",
    "3": "failed in part: what is done stands, what is not is named",
    "64": "usage",
    "65": "the manifest is not valid",
    "69": "the host lacks something",
    "74": "done, but the output cannot be written",
    "75": "another apply runs",
    "77": "not permitted",
}
PLUGIN = (
    "The plugin that containerd, Kubernetes and podman call, by the Container Network Interface "
    f"({', '.join(cni.VERSIONS)}), or by netavark's (linked as /usr/lib/netavark/reconciler).  What is on "
    "standard input names a network that stands as `network`, as shop_front; else its own name is that.  "
    "The watcher answers where one runs, and a run of reconcile elsewhere."
)
PLUGIN_EXITS = {
    "0": "done; what was asked for is on standard output",
    "1": "not done; standard output tells why, as JSON: for CNI with a code of the specification, or "
    f"{cni.DIFFERS} where something differs afterwards, or {cni.OTHER}",
}
PLUGIN_FILES = {
    "/run/reconciler/guests": "what each runtime has asked for",
    "/run/reconciler/guests.sock": "where the watcher answers",
}
FILES = {
    "/etc/reconciler": "the manifests, where no PATH is given",
    "/var/lib/reconciler": "revisions, and the key that no other host knows",
    "/run/reconciler": "the lock, what the watcher does (status.json, metrics.prom), and caches",
}
# The keys of a service are a container's, and some.
ALIKE = ("Container", "Service")


def reconcile() -> str:
    """reconcile(1)."""
    return page(
        head("RECONCILE", 1, "container networking for Linux, declared in YAML"),
        section("SYNOPSIS"),
        [".B reconcile", "[\\fIMODE\\fR] [\\fIoptions\\fR] [\\fIPATH\\fR ...]"],
        section("DESCRIPTION"),
        [
            "Reads manifests, which a Compose file is already, compares them with the live kernel by netlink "
            "and nftables, and puts right what differs.  Containers have network namespaces, for whatever "
            "runs in them."
        ],
        [".PP", escaped(PATHS)],
        section("MODES"),
        entries(help.modes()),
        section("OPTIONS"),
        entries(help.options()),
        section("ENVIRONMENT"),
        [escaped(help.TWINS)],
        items({entry.twin: entry.spellings[-1] for entry in chain(*help.options().values()) if entry.twin}),
        section("EXAMPLES"),
        items(dict(help.EXAMPLES)),
        section("EXIT STATUS"),
        items(EXITS),
        section("FILES"),
        items(FILES),
        section("SEE ALSO"),
        [".BR reconcile.yaml (5),", ".BR reconciler\\-cni (8),", ".BR ip\\-netns (8),", ".BR nft (8)"],
    )


def plugin() -> str:
    """reconciler-cni(8)."""
    return page(
        head("RECONCILER-CNI", 8, "containers of other runtimes join networks of reconciler"),
        section("SYNOPSIS"),
        [
            "CNI_COMMAND=\\fICOMMAND\\fR",
            ".B reconciler\\-cni",
            ".br",
            ".B reconciler",
            "\\fICOMMAND\\fR [\\fINAMESPACE\\fR]",
        ],
        section("DESCRIPTION"),
        [escaped(PLUGIN)],
        section("COMMANDS OF CNI"),
        items(said_of(cni.COMMANDS)),
        section("COMMANDS OF NETAVARK"),
        items(said_of(netavark.COMMANDS)),
        section("EXIT STATUS"),
        items(PLUGIN_EXITS),
        section("FILES"),
        items(PLUGIN_FILES),
        section("SEE ALSO"),
        [".BR reconcile (1)"],
    )


def said_of(commands: Mapping[str, Callable[..., object]]) -> dict[str, str]:
    return {name: str(command.__doc__) for name, command in commands.items()}


def manifest(schema: Mapping[str, Any]) -> str:
    """reconcile.yaml(5)."""
    parts = schema["$defs"]
    own = {key: of for key, of in parts[ALIKE[1]]["properties"].items() if key not in keys(parts[ALIKE[0]])}
    return page(
        head("RECONCILE.YAML", 5, "manifests of container networks"),
        section("DESCRIPTION"),
        [
            "A Compose file is a manifest, and so is one with the keys below.  Keys that begin with x\\- are "
            "for people and anchors.  Several documents of one file are laid on top of one another."
        ],
        section("TOP LEVEL"),
        described(schema),
        section("SERVICE"),
        [escaped(f"{parts[ALIKE[1]]['description']}  The keys of a container, and these:")],
        properties(own),
        *(
            chain(section(name.upper()), [escaped(part["description"])], described(part))
            for name, part in sorted(parts.items(), key=rank)
            if name != ALIKE[1] and "properties" in part
        ),
        section("FILES"),
        items({"/usr/share/reconciler/schemas/manifest.schema.json": "for editors, as --schema prints it"}),
        section("SEE ALSO"),
        [".BR reconcile (1)"],
    )


def keys(part: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = part["properties"]
    return found


def rank(named: tuple[str, Any]) -> tuple[int, str]:
    """What people look up comes first."""
    first = ("Container", "Network", "Endpoint", "Port", "Ipam", "IpamConfig", "Host", "Attach")
    return (first.index(named[0]) if named[0] in first else len(first)), named[0]


def described(part: Mapping[str, Any]) -> Iterator[str]:
    return properties(keys(part))


def properties(of: Mapping[str, Any]) -> Iterator[str]:
    for key, one in of.items():
        if one.get("description") != UNUSED:
            yield from (".TP", f"\\fB{escaped(key)}\\fR (\\fI{escaped(value(one))}\\fR)")
            yield escaped(one.get("description", ""))
            if (default := one.get("default")) not in (None, "", 0, False):
                yield escaped(f"(default: {default})")
    if unused := [key for key, one in of.items() if one.get("description") == UNUSED]:
        yield from (".PP", escaped(f"Accepted for Compose's sake, and of no effect: {', '.join(unused)}."))


def value(of: Mapping[str, Any]) -> str:
    """What a key takes, in words."""
    if "$ref" in of:
        return str(of["$ref"]).rsplit("/", 1)[-1].upper()
    if "anyOf" in of:
        several = chain.from_iterable(value(one).split(" or ") for one in of["anyOf"])
        return " or ".join(dict.fromkeys(word for word in several if word != "nothing"))
    if "enum" in of:
        return ", ".join(map(str, filter(None, of["enum"])))
    if of.get("type") == "array":
        return f"list of {value(of.get('items', {}))}"
    if of.get("type") == "object":
        inner = of.get("additionalProperties")
        return f"by name: {value(inner)}" if isinstance(inner, Mapping) else "mapping"
    return TYPES.get(str(of.get("type")), "nothing" if of.get("type") == "null" else "anything")


def head(title: str, number: int, about: str) -> list[str]:
    name = title.lower()
    source = f"reconciler {__version__}"
    return [f'.TH {title} {number} "" "{source}" ""', ".nh", ".ad l", ".SH NAME", f"{name} \\- {about}"]


def section(title: str) -> list[str]:
    return [f".SH {title}"]


def entries(groups: Mapping[str, Iterable[help.HelpEntry]]) -> Iterator[str]:
    for title, members in groups.items():
        yield f".SS {title}"
        for entry in members:
            usage = ", ".join(f"\\fB{escaped(one)}\\fR" for one in entry.spellings)
            yield from (".TP", f"{usage} \\fI{escaped(entry.value)}\\fR" if entry.value else usage)
            yield escaped(f"{entry.help[:1].upper()}{entry.help[1:]}.")


def items(of: Mapping[str, str]) -> Iterator[str]:
    for name, meaning in of.items():
        yield from (".TP", f".B {quoted(name)}", escaped(meaning))


def quoted(text: str) -> str:
    return f'"{escaped(text)}"'


def escaped(text: str) -> str:
    """As roff takes it: no hyphen that breaks a word, no line that begins as a request does."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return re.sub(r"^([.'])", r"\\&\1", text)


def page(*parts: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in chain(*parts))


def pages() -> dict[str, str]:
    """Each by its place below share/."""
    return {
        "man/man1/reconcile.1": reconcile(),
        "man/man5/reconcile.yaml.5": manifest(json.loads(SCHEMA.read_text())),
        "man/man8/reconciler-cni.8": plugin(),
    }
