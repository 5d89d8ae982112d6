"""Configuration lists of CNI (section 1 of its specification), as written in a manifest or in a file."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ...errors import Where
from ...mistakes import NoFile
from ..compose.files import Inputs
from ..yaml.node import Place

VERSIONS = ("0.4.0", "1.0.0", "1.1.0")  # whose plugins take back what they did
MORE = "cniVersions"
RUNTIMES = ("prevResult", "runtimeConfig", "cni.dev/")  # what keys begin with that are not written by people
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
Steps = tuple[str | int, ...]
Wrong = Callable[[Steps, str, str], None]


class Fault(NamedTuple):
    """What is wrong with a list, and where in it."""

    steps: Steps
    message: str
    hint: str = ""


def text_of(config: Mapping[str, Any] | str, inputs: Inputs, wrong: Wrong, where: Where) -> str:
    """The list as JSON, however it was written, which was there; "" and mistakes where it is none."""
    path = config if isinstance(config, str) else ""
    said: Any = parsed(path, inputs, where) if path else config
    if said is None:
        return ""
    if faults := [*faults_of(said)]:
        for steps, message, hint in faults:
            at = f"{path}: {'.'.join(map(str, steps))}: ".replace(": : ", ": ") if path else ""
            wrong(("config", *(() if path else steps)), f"{at}{message}", hint)
        return ""
    try:
        return json.dumps(whole(said), sort_keys=True, allow_nan=False)
    except ValueError as error:
        wrong(("config",), f"it cannot be written as JSON: {error}", "")
        return ""


def parsed(path: str, inputs: Inputs, at: Where) -> Any:
    if not os.path.isfile(path):
        inputs.mistakes.append(NoFile(f"{path} does not exist", "write its path from this file's folder", at))
        return None
    if (text := inputs.read(path)) is None:
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        inputs.mistakes.at(Place(path, error.lineno, error.colno), "", f"no JSON: {error.msg}")
    except RecursionError:
        inputs.mistakes.at(Place(path, 1, 1), "", "nested too deep")
    return None


def whole(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of one version, the highest that we speak; one plugin by itself is a list of one."""
    common = {"cniVersion": max(versions(said) & {*VERSIONS}, key=VERSIONS.index), "name": said["name"]}
    rest = {key: value for key, value in said.items() if key not in (*common, MORE)}
    return {**common, **(rest if "plugins" in said else {"plugins": [rest]})}


def versions(said: Mapping[str, Any]) -> set[str]:
    """All that it is written for."""
    more = said.get(MORE, [])
    written = [said.get("cniVersion"), *(more if isinstance(more, list) else [])]
    return {version for version in written if isinstance(version, str)}


def faults_of(said: Any) -> Iterator[Fault]:
    if not isinstance(said, Mapping):
        yield Fault((), "a configuration list of CNI is a mapping", "with `cniVersion`, `name` and `plugins`")
        return
    yield from head(said)
    plugins, at = (said.get("plugins"), ("plugins",)) if "plugins" in said else ([said], ())
    if not isinstance(plugins, list) or not plugins:
        yield Fault(("plugins",), "`plugins` must be a list with a plugin in it", "as [{type: bridge, ...}]")
        return
    for index, plugin in enumerate(plugins):
        yield from of_plugin(plugin, (*at, index) if at else ())


def head(said: Mapping[str, Any]) -> Iterator[Fault]:
    version, name = said.get("cniVersion"), said.get("name")
    if not versions(said) & {*VERSIONS}:
        message = f"{version!r} is no version of CNI" if version else "`cniVersion` is missing"
        yield Fault(("cniVersion",), message, f"there are: {', '.join(VERSIONS)}")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        message = f"{name!r} can be no network's name" if name else "`name` is missing"
        yield Fault(("name",), message, "letters, digits, `_`, `.` and `-`")


def of_plugin(plugin: Any, at: Steps) -> Iterator[Fault]:
    if not isinstance(plugin, Mapping):
        yield Fault(at, "a plugin is a mapping", "as {type: bridge, ...}")
        return
    yield from of_program(plugin, at, required=True)
    for key in plugin:
        if str(key).startswith(RUNTIMES):
            yield Fault((*at, key), f"`{key}` is what plugins are told by who runs them", "leave it out")
    able = plugin.get("capabilities", {})
    if not isinstance(able, Mapping) or not all(isinstance(is_able, bool) for is_able in able.values()):
        yield Fault((*at, "capabilities"), "`capabilities` maps names to true or false")
    ipam = plugin.get("ipam", {})
    if isinstance(ipam, Mapping):
        yield from of_program(ipam, (*at, "ipam"), required=bool(ipam))
    else:
        yield Fault((*at, "ipam"), "`ipam` must be a mapping", "as {type: host-local, ...}")


def of_program(said: Mapping[str, Any], at: Steps, *, required: bool) -> Iterator[Fault]:
    """Its type is the name of a file: no path leads to another."""
    name = said.get("type")
    if required and not name:
        yield Fault((*at, "type"), "`type` is missing", "the name of a plugin, as bridge")
    elif name and (not isinstance(name, str) or not NAME.fullmatch(name)):
        yield Fault((*at, "type"), f"{name!r} can be no plugin's name", "letters, digits, `_`, `.` and `-`")
