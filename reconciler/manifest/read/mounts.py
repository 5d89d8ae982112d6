"""What is mounted in a container that runs: paths of the host, volumes, memory, secrets and configs."""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ...errors import ManifestError, Where
from ...mistakes import Contradiction, NoFile, NotYet, WrongValue
from ..compose.mounts import URL
from ..workload import MountSpec
from ..yaml.node import nearest
from .containers import WrittenContainer

if TYPE_CHECKING:
    from ..model.workload import Grant, Mount, SharedFile, VolumeRecord, WorkloadRecord

FOLDERS = {"secrets": "/run/secrets/", "configs": "/"}
LOCAL = ("", "local", "default")


class TopLevel(NamedTuple):
    """What the project's top level says to those that run something."""

    project: str
    variables: Mapping[str, str]
    names: frozenset[str]  # of services and containers that are there
    volumes: "Mapping[str, VolumeRecord]"
    files: "Mapping[str, Mapping[str, SharedFile]]"  # of secrets and configs
    keys: Mapping[str, set[str]]  # of all three sections, also those with mistakes
    at: Callable[..., Where]
    is_here: bool  # on this one host

    def folder(self, where: Where) -> str:
        """That of the file where something stands."""
        return os.path.dirname(os.path.abspath(where.file)) if where.file != "-" else os.getcwd()


def absolute(path: str, variables: Mapping[str, str]) -> str:
    """The path from the root; `~` is the home folder of whoever runs this."""
    if path == "~" or path.startswith("~/"):
        home = variables.get("HOME") or os.path.expanduser("~")
        path = f"{home}{path[1:]}"
    return os.path.abspath(path)


def is_url(context: str) -> bool:
    return bool(URL.match(context))


def mount_specs(
    written: WrittenContainer, record: "WorkloadRecord", declared: TopLevel
) -> Iterator[MountSpec]:
    """All of them; no two at one path."""
    first: dict[str, Where] = {}
    found = [mounted(written, index, one, declared) for index, one in enumerate(record.volumes)]
    found += [in_memory(written, index, text) for index, text in enumerate(record.tmpfs)]
    for section in FOLDERS:
        grants: list[Grant] = getattr(record, section)
        found += [granted(written, (section, index), one, declared) for index, one in enumerate(grants)]
    for one in filter(None, found):
        if first.setdefault(one.target, one.where) is not one.where:
            label = (first[one.target], "the other one")
            written.mistakes.append(
                Contradiction(f"two mounts at {one.target}", "keep one of them", one.where, label)
            )
        yield one


def mounted(written: WrittenContainer, index: int, record: "Mount", declared: TopLevel) -> MountSpec | None:
    """An entry of `volumes`; None, and a mistake, for what cannot be."""
    steps, options, kind = ("volumes", index), options_of(record), record.type
    make = bool(record.bind and record.bind.create_host_path)
    source: str | None = ""
    if kind == "bind":
        source = bound(written, steps, record, declared)
    elif kind == "volume" and (device := device_of(declared.volumes.get(record.source))):
        kind, source, options = "bind", device, tuple(one for one in options if one != "nocopy")
    elif kind == "volume":
        source = volume_name(written, steps, record.source, declared)
    if source is None:
        return None
    return MountSpec(
        kind=kind,
        target=os.path.normpath(record.target),
        source=source,
        read_only=record.read_only,
        options=options,
        make=make,
        where=written.at(*steps),
    )


def options_of(record: "Mount") -> tuple[str, ...]:
    """As mount(8) and podman have them."""
    bind, volume, memory = record.bind, record.volume, record.tmpfs
    match record.type:
        case "bind" if bind:
            return tuple(filter(None, (bind.propagation, bind.selinux)))
        case "volume":
            label = (bind.selinux,) if bind and bind.selinux else ()
            return (*label, *(("nocopy",) if volume and volume.nocopy else ()))
        case "tmpfs" if memory:
            size = (f"size={memory.size}",) if memory.size else ()
            return (*size, *((f"mode={memory.mode:04o}",) if memory.mode is not None else ()))
    return ()


def bound(
    written: WrittenContainer, steps: tuple[str | int, ...], record: "Mount", declared: TopLevel
) -> str | None:
    """The path of the host; None where there is none and nobody makes it."""
    if not record.source:
        written.wrong(steps, "`source` is missing", "a bind needs a path of the host")
        return None
    source = absolute(record.source, declared.variables)
    if not (record.bind and record.bind.create_host_path) and declared.is_here and not os.path.exists(source):
        hint = "create it, or set `bind: {create_host_path: true}`"
        at = written.at(*steps, "source")
        written.mistakes.append(NoFile(f"{source} does not exist", hint, at))
        return None
    return source


def device_of(volume: "VolumeRecord | None") -> str:
    """The folder of the host that a volume of the `local` driver is; "" where it is one of the engine's."""
    if volume is None or volume.external or volume.driver not in LOCAL:
        return ""
    options = volume.driver_opts
    is_bind = options.keys() == {"type", "o", "device"} and options["o"] in ("bind", "rbind")
    return os.path.normpath(options["device"]) if is_bind and options["device"].startswith("/") else ""


def volume_name(
    written: WrittenContainer, steps: tuple[str | int, ...], key: str, declared: TopLevel
) -> str | None:
    """The full name of a volume, "" of one without a name; None, and a mistake, where it is not declared."""
    if not key:
        return ""
    if key not in declared.keys["volumes"]:
        hint = nearest(key, declared.keys["volumes"]) if declared.keys["volumes"] else ""
        close = hint.startswith("did you mean")
        written.wrong(
            steps,
            f"volume `{key[:60]}` is not declared",
            hint if close else f"add `volumes: {{{key[:60]}: }}`, or begin a path with ./",
        )
        return None
    if (volume := declared.volumes.get(key)) is None:
        return None  # its own mistake is told
    if volume.driver not in LOCAL or volume.driver_opts and not volume.external:
        word = "driver_opts" if volume.driver in LOCAL else "driver"
        at = declared.at("volumes", key, word)
        hint = "make it outside, and set `external: true`"
        note_once(written, NotYet(f"volumes with a `{word}` are not supported yet", hint, at))
    return volume.name or (key if volume.external else f"{declared.project}_{key}")


def in_memory(written: WrittenContainer, index: int, text: str) -> MountSpec | None:
    """An entry of `tmpfs`, as /run:size=64m,mode=1777."""
    steps = ("tmpfs", index)
    target, _, options = text.partition(":")
    if not target.startswith("/"):
        written.wrong(steps, f"{text[:60]!r} is no tmpfs", "as /run or /run:size=64m")
        return None
    words = [word for word in options.split(",") if word]
    return MountSpec(
        kind="tmpfs",
        target=os.path.normpath(target),
        read_only="ro" in words,
        options=tuple(word for word in words if word not in ("ro", "rw")),
        where=written.at(*steps),
    )


def granted(
    written: WrittenContainer, steps: tuple[str, int], record: "Grant", declared: TopLevel
) -> MountSpec | None:
    """A secret or a config: the file that its text is in, at a path of the container."""
    section, key = steps[0], record.source
    if key not in declared.keys[section]:
        hint = nearest(key, declared.keys[section]) if declared.keys[section] else f"add it to `{section}:`"
        written.wrong(steps, f"unknown {section.removesuffix('s')} `{key[:60]}`", hint)
        return None
    if (shared := declared.files[section].get(key)) is None:
        return None  # its own mistake is told
    source = shared_file(written, section, key, shared, declared)
    if not source:
        return None
    return MountSpec(
        kind="bind",
        target=os.path.normpath(os.path.join(FOLDERS[section], record.target or key)),
        source=source,
        read_only=True,
        where=written.at(*steps),
    )


def shared_file(
    written: WrittenContainer, section: str, key: str, shared: "SharedFile", declared: TopLevel
) -> str:
    """The file; "" and a mistake, once, where there is none."""
    other = next((name for name in ("environment", "content", "external") if getattr(shared, name)), "")
    source = absolute(shared.file, declared.variables) if shared.file else ""
    what, at = section.removesuffix("s"), declared.at(section, key, other or "file")
    error: ManifestError
    if other:
        error = NotYet(f"`{other}` of a {what} is not supported yet", "write `file:`", at)
    elif not source:
        error = WrongValue(f"{what} `{key}` has no `file`", "write where its text is", at)
    elif declared.is_here and not os.path.exists(source):
        error = NoFile(f"{source} does not exist", "create it", at)
    else:
        return source
    note_once(written, error)
    return ""


def note_once(written: WrittenContainer, error: ManifestError) -> None:
    """A mistake of the top level, which several containers may meet."""
    if not any((one.message, one.where) == (error.message, error.where) for one in written.mistakes):
        written.mistakes.append(error)
