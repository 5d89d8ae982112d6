"""Quadlets, podman's units for systemd (podman-systemd.unit(5)), as a draft."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .draft import CONTAINERS, NETWORKS, VOLUMES, Draft, Entry, compact, named_apart
from .inspected import short
from .names import key_of
from .units import Unit, assignments, last, network, parsed, plain, specifiers, split, truth

KINDS = (".container", ".network", ".volume")
OTHERS = (".pod", ".kube", ".build", ".image")
SERVICE = re.compile(r"(.+)\.service")
RESTARTS = ("", "no", "always", "on-failure")  # which a manifest has, too
HEALTH = {
    "HealthCmd": "test",
    "HealthInterval": "interval",
    "HealthRetries": "retries",
    "HealthStartPeriod": "start_period",
    "HealthTimeout": "timeout",
}


def draft(files: Mapping[str, str], project: str) -> Draft:
    """Of a folder's files, by their names."""
    units = {name: parsed(text) for name, text in sorted(files.items())}
    here = {name: named(name, unit) for name, unit in units.items()}
    made = {
        kind: [entry(name, unit, here) for name, unit in units.items() if name.endswith(kind)]
        for kind in KINDS
    }
    beyond = sorted(
        {name for one in made[".container"] for name in one.said.get("networks", ())}
        - {one.key for one in made[".network"]}
    )
    strange = (Entry(key=name, lost=("all of it: no .network file tells it",)) for name in beyond)
    return Draft(
        project=project,
        entries={
            NETWORKS: tuple(named_apart([*made[".network"], *strange])),
            CONTAINERS: tuple(named_apart(made[".container"])),
            VOLUMES: tuple(named_apart(made[".volume"])),
        },
        head=(
            "What these quadlets say, by `reconcile --import podman`.  Disable them before it is applied.",
        ),
        lost=tuple(
            f"{name}: there is nothing of its kind here" for name in units if not name.endswith(KINDS)
        ),
    )


def named(name: str, unit: Unit) -> str:
    """What podman calls what comes of a file."""
    stem, _, kind = name.rpartition(".")
    key = {"container": "ContainerName", "network": "NetworkName", "volume": "VolumeName"}.get(kind, "")
    return last(unit, kind.capitalize(), key) or f"systemd-{stem}"


def entry(name: str, unit: Unit, here: Mapping[str, str]) -> Entry:
    stem, _, kind = name.rpartition(".")
    lost: list[str] = [f"{text}: what systemd puts in" for text in specifiers(unit)]
    unit = plain(unit)
    if kind == "container":
        said = container(stem, unit, here, lost)
    elif kind == "network":
        said = network(unit, lost)
    else:
        lost += (f"{key}={short(text)}" for key, text in unit.get("Volume", ()) if key != "VolumeName")
        said = {}
    return Entry(key=key_of(stem), said={NAMED[kind]: here[name], **said}, lost=tuple(lost))


NAMED = {"container": "container_name", "network": "name", "volume": "name"}


def limit(text: str) -> dict[str, Any]:
    name, _, said = text.partition("=")
    soft, _, hard = said.partition(":")
    return {name: {"soft": int(soft), "hard": int(hard or soft)}}


def each(text: str) -> list[str]:
    return [text]


def flag(text: str) -> Callable[[str], list[str]]:
    return lambda said: [text] if truth(said) else []


# What a key says: a text or a number stands alone, lists and mappings grow.
CONTAINER: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "Image": ("image", str),
    "Exec": ("command", split),
    "Entrypoint": ("entrypoint", split),
    "Environment": ("environment", assignments),
    "EnvironmentFile": ("env_file", each),
    "Label": ("labels", assignments),
    "Annotation": ("annotations", assignments),
    "AddCapability": ("cap_add", split),
    "DropCapability": ("cap_drop", split),
    "AddDevice": ("devices", each),
    "AddHost": ("extra_hosts", each),
    "DNS": ("dns", each),
    "DNSOption": ("dns_opt", each),
    "DNSSearch": ("dns_search", each),
    "HostName": ("hostname", str),
    "PublishPort": ("ports", each),
    "GroupAdd": ("group_add", each),
    "WorkingDir": ("working_dir", str),
    "ReadOnly": ("read_only", truth),
    "RunInit": ("init", truth),
    "Tmpfs": ("tmpfs", each),
    "Sysctl": ("sysctls", assignments),
    "Ulimit": ("ulimits", limit),
    "ShmSize": ("shm_size", str),
    "Memory": ("mem_limit", str),
    "PidsLimit": ("pids_limit", int),
    "StopSignal": ("stop_signal", str),
    "StopTimeout": ("stop_grace_period", "{}s".format),
    "UserNS": ("userns_mode", str),
    "Pull": ("pull_policy", str),
    "NoNewPrivileges": ("security_opt", flag("no-new-privileges")),
    "SecurityLabelDisable": ("security_opt", flag("label=disable")),
}
ELSEWHERE = {"ContainerName", "Network", "NetworkAlias", "IP", "IP6", "User", "Group", "Volume", *HEALTH}
# Of systemd's own words those that say nothing of a container, and those that have a key here.
QUIET = {("Install", "WantedBy"), ("Install", "RequiredBy"), ("Unit", "Description"), ("Service", "Restart")}
ORDER = ("After", "Requires", "Wants", "BindsTo")


def container(stem: str, unit: Unit, here: Mapping[str, str], lost: list[str]) -> dict[str, Any]:
    rows = unit.get("Container", [])
    said = table(rows, lost)
    user, group = last(unit, "Container", "User"), last(unit, "Container", "Group")
    restart = last(unit, "Service", "Restart")
    if restart not in RESTARTS:
        lost.append(f"Restart={short(restart)}")
    health = {key: last(unit, "Container", name) for name, key in HEALTH.items()}
    said |= compact(
        user=f"{user}:{group}" if group else user,
        healthcheck=compact(**health) if health["test"] else {},
        restart=restart if restart in RESTARTS else "",
        volumes=[volume(text, here) for key, text in rows if key == "Volume"],
        depends_on=sorted({*depended(unit, here)}),
    )
    said |= networks(unit, here, lost)
    for section in ("Unit", "Service", "Install"):
        those = ((key, text) for key, text in unit.get(section, ()) if (section, key) not in QUIET)
        lost += (f"{key}={short(text)}" for key, text in those if not (section == "Unit" and key in ORDER))
    return said


def table(rows: list[tuple[str, str]], lost: list[str]) -> dict[str, Any]:
    done: dict[str, Any] = {}
    for key, text in rows:
        if key in ELSEWHERE:
            continue
        try:
            name, translated = CONTAINER[key]
            found = translated(text)
        except (KeyError, ValueError):
            lost.append(f"{key}={short(text)}")
            continue
        before = done.get(name)
        if isinstance(found, list):
            found = [*(before or ()), *found]
        elif isinstance(found, dict):
            found = {**(before or {}), **found}
        done |= compact(**{name: found})
    return done


def volume(text: str, here: Mapping[str, str]) -> str:
    """NAME.volume is one of these files."""
    source, colon, rest = text.partition(":")
    return f"{key_of(source.removesuffix('.volume'))}:{rest}" if source in here else text


def depended(unit: Unit, here: Mapping[str, str]) -> Iterator[str]:
    for text in (text for key, text in unit.get("Unit", ()) if key in ORDER):
        found = (SERVICE.fullmatch(word) for word in text.split())
        yield from (key_of(one[1]) for one in found if one and f"{one[1]}.container" in here)


def networks(unit: Unit, here: Mapping[str, str], lost: list[str]) -> dict[str, Any]:
    """As `podman run --network` has them."""
    ends: dict[str, Any] = {}
    for text in (text for key, text in unit.get("Container", ()) if key == "Network"):
        name, _, rest = text.partition(":")
        if name in ("host", "none"):
            return {"network_mode": name}
        if name == "container" or name.endswith(".container"):
            return {"network_mode": f"container:{here.get(name, rest or name)}"}
        if name in ("slirp4netns", "pasta", "private", "ns"):
            lost.append(f"Network={short(text)}")
            continue
        key = key_of(name.removesuffix(".network")) if name in here else key_of(name)
        ends[key] = endpoint(rest, lost)
    rows = unit.get("Container", ())
    own = compact(
        ipv4_address=last(unit, "Container", "IP"),
        ipv6_address=last(unit, "Container", "IP6"),
        aliases=[text for key, text in rows if key == "NetworkAlias"],
    )
    first = next(iter(ends), "podman")
    if own or not ends:
        ends[first] = {**ends.get(first, {}), **own}
    return {"networks": ends}


WORDS = {
    "ip": "ipv4_address",
    "ip6": "ipv6_address",
    "mac": "mac_address",
    "interface_name": "interface_name",
}


def endpoint(text: str, lost: list[str]) -> dict[str, Any]:
    end: dict[str, Any] = {}
    for word in filter(None, text.split(",")):
        name, _, said = word.partition("=")
        if name == "alias":
            end["aliases"] = [*end.get("aliases", ()), said]
        elif name in WORDS:
            end["ipv6_address" if name == "ip" and ":" in said else WORDS[name]] = said
        else:
            lost.append(f"{short(word)} of its network")
    return end
