"""What stands on a host, as a file: another machine compares manifests with it as that host would itself.

A host answers some questions only in the words they are asked in: it compares chains with those that are
wanted, and reads the settings that are named.  So the file keeps its answers to all that its manifests, and
everything that stands, give reason to ask; what it cannot answer is refused, never guessed.
"""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from .. import disk
from ..core.plan import Step
from ..core.reconcile import Refusals
from ..core.resource import Key, Resource, State, state
from ..drivers import BUILT_IN
from ..drivers.firewall import routing_policy
from ..drivers.firewall.elements import skeleton
from ..errors import Refused, UsageError
from ..inventory.facts import Facts, HostFacts
from ..kernel.linux import Linux, refuse_foreign
from ..kinds.link import Link
from ..kinds.nft import Chain, Map, Table
from ..kinds.ownership import HOST
from ..kinds.sysctl import Sysctl, usual
from ..manifest.parts import driver_names
from ..manifest.spec import Manifest
from ..manifest.store.codec import Reader, encode, shape
from ..version import __version__

NONE = Manifest()
SCHEMA_VERSION = 2
PARTS = ("bare", "told", "asked")  # of what stands: unasked, in the words of `asked`
Worded = Table | Map | Chain  # what is read back in the words it is asked for, where it stands like that


def save(host: Linux, wanted: Iterable[Resource], manifest: Manifest = NONE) -> bytes:
    """Everything of ours on this host and its facts; `wanted` is what its manifest says."""
    containers = (one for project in manifest.projects for one in project.containers)
    asked_for = [one.attach for one in containers if one.attach]
    bare, facts = host.observe(), host.facts()
    asked = state(*questions(bare, facts), *wanted)
    asked = {key: r for key, r in asked.items() if isinstance(r, Worded | Sysctl)}
    told = host.observe(asked.values())
    parts = (bare, {key: told[key] for key in asked.keys() & told.keys()}, asked)
    kinds = {type(r) for part in parts for r in part.values()}
    head = {"schema_version": SCHEMA_VERSION, "version": __version__, "shape": shape(Facts, *kinds)}
    attached = {title: facts.attached[title] for title in asked_for}
    named = driver_names(manifest.projects) - BUILT_IN.keys()
    plugins = {name: facts.plugins[name] for name in named if name in facts.plugins}
    told_facts = replace(Facts.of(facts), missing=dict(facts.missing), attached=attached, plugins=plugins)
    head["facts"] = told_facts
    whole = encode(head | {name: entries(part) for name, part in zip(PARTS, parts, strict=True)})
    return encode({**json.loads(whole), "seal": sealed(whole)})


def sealed(whole: bytes) -> str:
    """What tells a picture that lost something on its way, or was painted over."""
    return sha256(whole).hexdigest()


def entries(part: State) -> list[tuple[str, Resource]]:
    return [(type(r).__name__, r) for _, r in sorted(part.items())]


def questions(live: State, facts: HostFacts) -> Iterator[Resource]:
    """What any manifest may ask about what stands."""
    yield from skeleton()
    for r in live.values():
        if isinstance(r, Link):
            yield from usual(r)
    names = [*routing_policy.FORWARD.values(), *(f"net/ipv6/conf/{link}/accept_ra" for link in facts.links)]
    yield from (Sysctl(ns=HOST, name=name, value="") for name in names)


@dataclass
class Saved:
    """A host as it was saved: it is looked at, and nothing is done to it."""

    file: str
    told_facts: HostFacts
    bare: State
    told: State
    asked: State
    words: frozenset[Worded] = frozenset()  # what was asked for last, as Snapshot.ruleset has it

    def facts(self) -> HostFacts:
        return replace(self.told_facts, now=time.time)

    def observe(self, named: Iterable[Resource] = (), places: frozenset[str] | None = None) -> State:
        named = list(named)
        refuse_foreign(named, frozenset(self.told_facts.links), self.told_facts.namespaces)
        worded = frozenset(r for r in named if isinstance(r, Worded))
        self.words = self.words if worded <= self.words else worded
        found = dict(self.bare)
        found |= {r.key: r for r in self.words if self.is_so(r)}
        found |= {r.key: r for s in named if isinstance(s, Sysctl) and (r := self.setting(s))}
        return {key: r for key, r in found.items() if places is None or r.place in places}

    def is_so(self, r: Worded) -> bool:
        """Whether the host would say it in these words; tables differ by their comment, which `bare` has."""
        told = self.told.get(r.key)
        known = isinstance(r, Table) or r.key not in self.bare or self.asked.get(r.key) in (r, told)
        if not known:
            raise self.untold(r.key)
        return told == r

    def setting(self, r: Sysctl) -> Sysctl | None:
        """With the value that it had; None where there was none, or nothing that it could belong to."""
        if r.key not in self.asked and all(home in self.bare for home in r.homes):
            raise self.untold(r.key)
        told = self.told.get(r.key)
        return replace(r, value=told.value) if isinstance(told, Sysctl) else None

    def untold(self, key: Key) -> UsageError:
        return UsageError(
            f"{self.file} does not tell {key}",
            "save it anew with these manifests: reconcile --status --out FILE PATH ...",
        )

    def execute(self, batch: Sequence[Step]) -> Refusals:
        raise Refused(f"{self.file} is a picture of a host", "apply it there")


def saved(file: str, name: str = "") -> Saved:
    """The host of a file that `save` wrote; `name` is which of `hosts:` it is, if not its hostname.  Raises
    UsageError for any other file."""
    try:
        told = disk.parsed(disk.given(file))
        if (found := told["schema_version"]) != SCHEMA_VERSION:
            raise of_other_version(file, f"schema version {found}", SCHEMA_VERSION)
        if told.pop("seal") != sealed(encode(told)):
            raise ValueError("not as it was written")
        if told["shape"] != own_shape(told):
            raise of_other_version(file, f"reconcile {told['version']}", __version__)
        reader = Reader(told["shape"])
        facts = reader.read(Facts, told["facts"])
        bare, words, asked = (resources(told[part], reader) for part in PARTS)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise UsageError(
            f"{file} is no saved state", "`reconcile --status --out FILE` on that host writes one"
        ) from error
    return Saved(file, replace(facts, name=name or facts.name), bare, words, asked)


def of_other_version(file: str, found: str, ours: object) -> UsageError:
    """What that version did not look at, nobody can tell."""
    return UsageError(f"{file} is of {found}, and this is {ours}", "save it with this version of reconcile")


def own_shape(told: dict[str, Any]) -> dict[str, list[str]]:
    """That which the values of such a file have in this version."""
    known = dict(kinds_of(Resource))
    return shape(Facts, *{known.get(name) for part in PARTS for name, _ in told[part]})


def resources(found: list[tuple[str, Any]], reader: Reader) -> dict[Key, Resource]:
    kinds = dict(kinds_of(Resource))
    return dict(state(*(reader.read(kinds[name], values) for name, values in found)))


def kinds_of(base: type[Resource]) -> Iterator[tuple[str, type[Resource]]]:
    for kind in base.__subclasses__():
        yield kind.__name__, kind
        yield from kinds_of(kind)
