"""The line for a guest, which is a project of its own: its trouble holds up no other's.  All of what its
runtime asks for, or as it was."""

from collections.abc import Callable, Collection, Iterator, Set
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import NamedTuple

from ..change import Change
from ..cnm.topology import Endpoint, Network
from ..drivers.firewall.elements import skeleton
from ..errors import FailedInPart, ManifestError, NotConverged, ReconcileError
from ..inventory import learn, ownership
from ..inventory.facts import Facts
from ..kernel.linux import Linux
from ..kernel.lock import UNTOLD, latest, lock
from ..manifest.spec import Manifest
from ..manifest.waiting import ABOUT_HOST, each
from ..mistakes import WrongAttachment
from ..paths import CACHE
from ..pipeline import compare, enact, load
from . import folder
from .guest import Guest, GuestEnd
from .nearby import NearHost

PATIENCE = 60.0  # seconds for the host's lock


class Given(NamedTuple):
    """What a guest has on a network."""

    end: Endpoint
    network: Network
    servers: tuple[str, ...]  # who answers for names, by their addresses


class KeptHost:
    """The host, of which sandboxes are read once as long as nobody else applies."""

    def __init__(self) -> None:
        self.host, self.stamp = NearHost(), UNTOLD

    @property
    def is_sure(self) -> bool:
        """Whether what sandboxes have is known: nobody else has applied since."""
        return latest() == self.stamp != UNTOLD

    @contextmanager
    def locked(self, one: Guest | None = None) -> Iterator[NearHost]:
        """What may have changed since is read anew: the host, and this guest."""
        stamps: list[int] = []
        with lock(PATIENCE, parting=stamps.append) as last:
            known = one and last == self.stamp != UNTOLD
            self.stamp = UNTOLD
            self.host.look_at(one.sandbox if one and known else "")
            yield self.host
        self.stamp = stamps[0] if self.host.sure else UNTOLD


def join(one: Guest, end: GuestEnd, reader: KeptHost) -> Given:
    """Attach it to a network, once or again.  Raises what refuses it, when all is as it was."""
    with reader.locked(one) as host:
        before = folder.known(one)
        stood = before.ends if before and before.inode == one.inode else ()
        return brought_or_undone(one.only(stood).joined(end), before or one, end.ifname, host)


def alter(one: Guest, ifname: str, to: Callable[[GuestEnd], GuestEnd], reader: KeptHost) -> Given:
    """Another place on the network that it is on by this interface.  Raises what refuses it, likewise."""
    with reader.locked(one) as host:
        stood = folder.known(one)
        end = stood.end(ifname) if stood else None
        if not stood or not end:
            raise ReconcileError(f"{one.short_id} is on no network by {ifname}")
        return brought_or_undone(stood.joined(to(end)), stood, ifname, host)


def brought_or_undone(wanted: Guest, before: Guest, ifname: str, host: NearHost) -> Given:
    """All of it, or as it was before: who was on no network then is forgotten."""
    wish = folder.wish(wanted)
    folder.put(wanted)
    try:
        return given(brought(wanted, wish, host), wanted, ifname)
    except BaseException:
        folder.put(before)
        raise


def part(one: Guest, ifname: str, reader: KeptHost) -> None:
    """From the network that it is on by this interface, whatever has become of it and of its others."""
    with reader.locked(one) as host:
        stood = folder.known(one)
        if stood or not folder.read(folder.path(one)):  # else its name is another one's
            leave((stood or one).parted(ifname), host)


def leave(rest: Guest, host: NearHost) -> None:
    """This is what is left of it."""
    folder.put(rest)
    change = as_able(rest, host)
    enact(change, host)
    keep(change, host)


def hold(one: Guest, reader: KeptHost) -> None:
    """As it was told, or nothing of it where it has gone.  Raises why that cannot be."""
    with reader.locked(one) as host:
        if folder.known(one) != one:  # told otherwise meanwhile
            return
        if folder.has_gone(one):
            leave(one.only(()), host)
        else:
            brought(one, folder.wish(one), host)


def as_able(one: Guest, host: NearHost) -> Change:
    """The change to what is left of it, without networks that it cannot be on by now: they have gone, say."""
    try:
        return decided(folder.wish(one), host)
    except ABOUT_HOST:
        ends = [end for end in one.ends if is_able(one.only([end]), host)]
        return compare(folder.wish(one.only(ends)), host)


def is_able(one: Guest, host: Linux) -> bool:
    with suppress(*ABOUT_HOST):
        compare(folder.wish(one), host)
        return True
    return False


def check(one: Guest, ifname: str, mac: str, reader: KeptHost) -> None:
    """Raises NotConverged where something of it is not as it was told.  Another MAC, which a later plugin has
    set, is what it is kept with from now on."""
    with reader.locked(one) as host:
        stood = folder.known(one)
        if not stood or not (end := stood.end(ifname)):
            raise NotConverged([one.sandbox], f"{one.id} is not attached by {ifname}")
        change = compared(one, folder.wish(stood), host)
        if mac not in ("", given(change, stood, ifname).end.mac):
            brought_or_undone(stood.joined(replace(end, mac=mac)), stood, ifname, host)
            return
        host.keep(change.live)
    owner = change.owner
    keys = [step.resource.key for step in change.todo]
    if differing := [key for key in keys if owner(key) == one.sandbox]:
        raise NotConverged(differing)


def collect(runtime: str, config: str, kept: frozenset[tuple[str, str]], reader: KeptHost) -> None:
    """What those have that are no more, and by this list of plugins all but who is `kept` (id, interface)."""
    with reader.locked() as host:
        folder.collect()
        for one in folder.guests(runtime):
            folder.put(
                one.only(end for end in one.ends if end.config != config or (one.id, end.ifname) in kept)
            )
        clean(host)


def forget(runtime: str, idents: Set[str], reader: KeptHost) -> None:
    """Those that are no more, as the runtime says."""
    with reader.locked() as host:
        for one in [one for one in folder.guests(runtime) if one.id in idents]:
            folder.put(one.only(()))
        clean(host)


def clean(host: NearHost) -> None:
    """Nothing of those that have gone; what root in another guest refuses is that one's trouble."""
    with suppress(FailedInPart):
        keep(bring_all(host), host)


def lacking(network: str) -> str:
    """Its name, where it does not stand; "" where it does."""
    return "" if network in facts().networks else network


def facts() -> Facts:
    """What stands, whosever it is."""
    host = Linux()
    return learn.know(host.facts(), host.observe(skeleton()), frozenset())


def decided(wish: Manifest, host: NearHost) -> Change:
    """What is refused is so in sight of all."""
    try:
        return compare(wish, host)
    except ABOUT_HOST:
        if not host.near:
            raise
    host.look_at("")
    return compare(wish, host)


def compared(one: Guest, wish: Manifest, host: NearHost) -> Change:
    change = decided(wish, host)
    for why in change.waiting.values():
        raise why
    told = host.attached.get(f"netns {one.netns}") if one.netns else None
    if told and not told.identity:
        raise WrongAttachment(f"{one.netns}: {told.wrong or told.lack}")
    return change


def brought(one: Guest, wish: Manifest, host: NearHost) -> Change:
    """The change that has brought it about; raises why it is not so."""
    change = compared(one, wish, host)
    try:
        enact(change, host)
    except FailedInPart as error:
        if one.sandbox in error.refusals:
            raise error.refusals[one.sandbox] from None
        host.keep(None)
    else:
        keep(change, host)
    return change


def keep(change: Change, host: NearHost) -> None:
    """What a change has brought about is what stands, unless something of it waits."""
    host.keep(None if change.waiting else change.desired)


def bring_all(host: Linux) -> Change:
    """All guests as they were told, and nothing of those that have gone."""
    change = decided_all(host)
    enact(change, host)
    return change


def decided_all(host: Linux) -> Change:
    """Who cannot be decided waits, whatever is in his file."""
    wrong: dict[str, ReconcileError] = {}
    while True:
        try:
            change = compare(all_but(wrong, host), host)
        except ManifestError as error:
            more = {one.where.file: one for one in each(error) if one.where}
            if not (more.keys() - wrong.keys()) & {*folder.files()}:
                raise
            wrong |= more
            continue
        waiting = {folder.sandbox_of(file): why for file, why in wrong.items()}
        return replace(change, waiting={**change.waiting, **waiting})


def all_but(wrong: Collection[str], host: Linux) -> Manifest:
    """What these files say is left as it stands."""
    files = folder.files()
    good = [file for file in files if file not in wrong]
    if not wrong:
        found = load([folder.FOLDER], folder=CACHE) if files else Manifest()
        return replace(found, sources=folder.HOME)
    stood = ownership.applied_from(host.observe(skeleton()), folder.HOME[0].names)
    gone = folder.without(sorted(stood - {*map(folder.sandbox_of, files)}))
    rest = load(good) if good else Manifest()
    return replace(gone, projects=(*rest.projects, *gone.projects))


def words(error: ReconcileError) -> str:
    """Why, to a runtime, which knows nothing of the guest's file."""
    return "; ".join(one.message for one in getattr(error, "errors", [error]))


def given(change: Change, one: Guest, ifname: str) -> Given:
    found = ((end, network) for network in change.topology.networks for end in network.endpoints)
    end, network = next(pair for pair in found if (pair[0].sandbox, pair[0].ifname) == (one.sandbox, ifname))
    box = next(box for box in change.topology.sandboxes if box.name == one.sandbox)
    words = (line.split() for line in box.resolv.splitlines())
    return Given(end, network, tuple(word[1] for word in words if word[:1] == ["nameserver"]))
