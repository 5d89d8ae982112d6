"""`expect:`: what must be reachable and what must not, sentence by sentence as `FROM reaches TO`.

The words of who is meant are those of policies.  Whether a sentence holds the evaluator judges, of what the
host would have.
"""

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from ...errors import ManifestError, Where
from ...mistakes import NoSuchName, WrongValue
from ..compose.merge import NOTHING
from ..model.fields import message_and_hint, wrong
from ..model.pydantics_core import PydanticCustomError
from ..network_mode import is_borrowed
from ..policy import ExpectSpec, PeerSpec
from ..spec import ProjectSpec
from ..yaml.node import dotted, nearest, where
from .policies import ANYBODY, peer

if TYPE_CHECKING:
    from .project import ProjectReading

SENTENCE = re.compile(r"(\S+) +(reaches|does +not +reach) +(\S+)")
EXAMPLE = "as `app reaches db:5432`, `web does not reach db` or `outside does not reach label:tier=db`"
SINGLE = {4: "/32", 6: "/128"}  # how a prefix ends that is one address


def expect_specs(reading: "ProjectReading") -> Iterator[ExpectSpec]:
    listed = reading.tree.get("expect") or NOTHING
    if listed.value is not None and type(listed.value) is not list:
        hint = f"write `expect: [...]` with sentences, {EXAMPLE}"
        reading.mistakes.at(listed.place, "expect", "`expect` must be a list", hint)
    for index, node in enumerate(listed.elements()):
        at = where(node.place, dotted(("expect", index)))
        try:
            yield sentence(str(node.value), at)
        except PydanticCustomError as error:
            reading.mistakes.at(node.place, at.path, *message_and_hint(error))


def sentence(text: str, at: Where) -> ExpectSpec:
    """Raises PydanticCustomError."""
    found = SENTENCE.fullmatch(text.strip())
    if not found:
        raise wrong(f"{text[:80]!r} says nothing that can be checked", EXAMPLE)
    source, target = peer(found[1], at), peer(found[3], at)
    reaches = found[2] == "reaches"
    if source.ports or source.protocol:
        raise wrong(f"who asks has no ports: {found[1]}", "they stand behind who is reached")
    if source.kind == "prefix":
        raise wrong(
            f"{found[1]!r} is nobody here", "who asks is as label:tier=db, network/back, host, outside or web"
        )
    if target.kind == "prefix" and not target.name.endswith(SINGLE[6 if ":" in target.name else 4]):
        raise wrong(f"{found[3]!r} is many addresses", "write one of them, or `outside`")
    if reaches and not target.ports and target.protocol != "icmp":
        whom = f"[{found[3]}]" if target.kind == "prefix" and ":" in target.name else found[3]
        port = "" if target.protocol else ":443"
        hint = f"write `{found[1]} reaches {whom}{port}` or `{found[1]} reaches {whom}/icmp`"
        raise wrong("what is reached has a port", hint)
    return ExpectSpec(text=" ".join(text.split()), source=source, target=target, reaches=reaches, where=at)


def mistaken_sentences(
    project: ProjectSpec, names: Collection[str], networks: Collection[str]
) -> Iterator[ManifestError]:
    """Of names that nobody has, and of who has no network of his own."""
    labels = {f"{key}={text}" for spec in project.containers for key, text in spec.labels.items()}
    known = {"container": {*names, *ANYBODY}, "network": {*networks}, "label": labels}
    modes = {spec.name: spec.network_mode for spec in project.containers}
    homeless = {name: mode for name, mode in modes.items() if mode == "none" or is_borrowed(mode)}
    for one in project.expect:
        for each in (one.source, one.target):
            yield from unknown(each, known, one.where)
            if each.kind == "container" and each.name in homeless:
                mode = homeless[each.name]
                hint = f"write {'host' if mode == 'host' else mode.partition(':')[2] or 'another'} instead"
                yield WrongValue(f"{each.name} has no network of its own", hint, one.where)


def unknown(one: PeerSpec, known: dict[str, set[str]], at: Where) -> Iterator[ManifestError]:
    kind = "container" if one.kind == "name" else one.kind
    if one.kind == "name" and one.name not in known[kind]:
        hint = f"`reconcile --trace FROM {one.name}:443 --desired` tells of it"
        yield WrongValue(f"{one.name} is a name of the outside, of which nothing is expected", hint, at)
    elif kind in known and one.name not in known[kind]:
        what = "service or container" if kind == "container" else kind
        yield NoSuchName(f"unknown {what} `{one.name}`", nearest(one.name, known[kind]), at)
