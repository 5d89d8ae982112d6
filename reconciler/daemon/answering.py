"""Who answers for names: asked with each sweep what it has counted, and with each beat while it is silent."""

import time
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import groupby
from typing import NamedTuple

from ..core import render
from ..core.resource import Key, State
from ..kernel import resolved, resolvers
from ..kernel.chaos import Counts, Inquiry, ask_all
from ..kernel.observe.facts import RESOLV_CONF, RESOLVED
from ..kinds.address import Address
from ..kinds.ownership import HOST
from ..kinds.resolver import Resolver

# What tells the host's name servers, and what is kept of names.
NAMES_FROM = RESOLV_CONF, RESOLVED, resolved.KEPT, resolvers.FOLDER
SILENT = 3  # times in a row that it says nothing: then it hangs
SPARED = 300.0  # seconds until another replacement: under a flood of questions it may hear none of ours
PATIENCE = 0.3  # seconds for all of them, of who has come to ask

At = tuple[str, int]


class Answering(NamedTuple):
    """One that stands, and an address by which the host can ask it; "" where there is none."""

    resolver: Resolver
    ip: str = ""

    @property
    def at(self) -> At:
        return self.ip, self.resolver.port


def answering(live: State) -> dict[Key, Answering]:
    """All that stand.  Those in sandboxes answer there alone: a socket of ours would keep these alive."""
    found = [r for r in live.values() if isinstance(r, Resolver) and not r.leftover]
    ips: dict[str, str] = {}
    for r in live.values() if found else ():
        if isinstance(r, Address) and r.ns == HOST and not r.ip.startswith("fe80:"):
            ips.setdefault(r.link, r.ip)

    def near(resolver: Resolver) -> str:
        links = (link for name in resolver.interfaces for link in ips if fnmatchcase(link, name))
        return next((ips[link] for link in links), "")

    return {r.key: Answering(r, near(r)) for r in found}


class Inquiries:
    """Of one that goes on asking; nothing waits for an answer."""

    def __init__(self) -> None:
        self.asked: dict[Key, Inquiry] = {}
        self.replaced: dict[Key, float] = {}

    def round(self, known: Mapping[Key, Answering], *, whole: bool) -> list[Resolver]:
        """Ask; returns those that hang."""
        for key in self.asked.keys() - known.keys():
            self.asked.pop(key).close()
        return [one.resolver for key, one in known.items() if one.ip and self.hangs(key, one.at, whole=whole)]

    def hangs(self, key: Key, at: At, *, whole: bool) -> bool:
        one = self.asked.get(key)
        if one is None or one.at != at:
            if one:
                one.close()
            one = self.asked[key] = Inquiry(*at)
        if one.unanswered:
            one.hear()
        if one.unanswered >= SILENT:
            one.unanswered = 0
            return self.replaceable(key)
        if whole or one.unanswered:
            one.ask()
        return False

    def replaceable(self, key: Key) -> bool:
        now = time.monotonic()
        self.replaced = {key: at for key, at in self.replaced.items() if now - at < SPARED}
        return self.replaced.setdefault(key, now) == now

    @property
    def counts(self) -> dict[Key, Counts]:
        return {key: one.counts for key, one in self.asked.items() if one.said}


def counts_of(known: Mapping[Key, Answering]) -> dict[Key, Counts]:
    """What they say now; of one that does not answer, nothing."""
    inquiries = {key: Inquiry(*one.at) for key, one in known.items() if one.ip}
    ask_all(inquiries.values(), PATIENCE)
    for one in inquiries.values():
        one.close()
    return {key: one.counts for key, one in inquiries.items() if one.said}


class ResolverStatus(NamedTuple):
    """One that stands or should; `answers` is None of those that nobody can ask from the host."""

    resolver: Resolver
    runs: bool
    answers: bool | None
    counts: Counts

    @property
    def trouble(self) -> str:
        return "does not run" if not self.runs else "does not answer" if self.answers is False else ""

    @property
    def called(self) -> str:
        """By what a person knows: the name of one for several networks is a digest."""
        return "+".join(self.resolver.networks) if self.resolver.ns == HOST else self.resolver.ns

    @property
    def row(self) -> dict[str, object]:
        r, counts = self.resolver, self.counts._asdict()
        counts["servers"] = [one._asdict() for one in self.counts.servers]
        return {
            "project": r.project,
            "view": r.name,
            "networks": list(r.networks),
            "sandbox": "" if r.ns == HOST else r.ns,
            "port": r.port,
            "runs": self.runs,
            "answers": self.answers,
            **counts,
        }


def statuses(wanted: State, live: State) -> list[ResolverStatus]:
    """Of all, by project."""
    standing = answering(live)
    counts, known = counts_of(standing), sorted((answering(wanted) | standing).items())

    def status(key: Key, one: Answering) -> ResolverStatus:
        answers = key in counts if key in standing and one.ip else None
        return ResolverStatus(one.resolver, key in standing, answers, counts.get(key, Counts()))

    return [status(*entry) for entry in known]


def in_words(found: Iterable[ResolverStatus]) -> Iterator[str]:
    """A line for each project, which names those that do not do what they should.  Of what they answered by
    themselves a part is what we asked."""
    for project, members in groupby(found, lambda one: one.resolver.project):
        known = list(members)
        forwarded = render.number(sum(one.counts.misses for one in known), "question")
        lost = [f"{one.called} {one.trouble}" for one in known if one.trouble]
        up = f"{len(known) - len(lost)} of {render.number(len(known), 'resolver')}"
        yield "; ".join([f"{project}: names by {up}, {forwarded} forwarded", *lost])
