"""The line for a guest, which is a project of its own: its trouble holds up no other's.  All of what its
runtime asks for, or as it was."""

from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from ..cnm.topology import Endpoint, Network
from ..drivers.firewall.elements import skeleton
from ..errors import FailedInPart, ManifestError, NotConverged, ReconcileError
from ..inventory import learn
from ..inventory.facts import Facts
from ..kernel.linux import Linux
from ..kernel.lock import UNTOLD, latest, lock
from ..manifest.sources import Source
from ..manifest.spec import Manifest
from ..manifest.waiting import ABOUT_HOST
from ..paths import CACHE
from ..pipeline import Change, compare, enact, load
from ..truth import destruction
from . import folder
from .guest import Guest, GuestEnd
from .nearby import NearHost

PATIENCE = 60.0  # seconds for the host's lock
HOME = (Source(path=folder.FOLDER, names=(folder.FOLDER,), whole=True),)


class Given(NamedTuple):
    """What a guest has on a network."""

    end: Endpoint
    network: Network
    servers: tuple[str, ...]  # who answers for names, by their addresses


class KeptHost:
    """The host, of which sandboxes are read once as long as nobody else applies."""

    def __init__(self) -> None:
        self.host, self.stamp = NearHost(), UNTOLD

    @contextmanager
    def locked(self, one: Guest | None = None) -> Iterator[NearHost]:
        """What may have changed since is read anew: the host, and this guest."""
        with lock(PATIENCE) as last:
            known = one and last == self.stamp != UNTOLD
            self.stamp = UNTOLD
            self.host.look_at(one.sandbox if one and known else "")
            yield self.host
        self.stamp = latest() if self.host.sure else UNTOLD


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
    folder.put(wanted)
    try:
        return given(brought(wanted, host), wanted, ifname)
    except BaseException:
        folder.put(before)
        raise


def part(one: Guest, ifname: str, reader: KeptHost) -> None:
    """From the network that it is on by this interface, whatever has become of it and of its others."""
    with reader.locked(one) as host:
        if stood := folder.known(one):
            folder.put(stood.parted(ifname))
            change = decided(one, host)
            enact(change, host)
            keep(change, host)


def check(one: Guest, ifname: str, reader: KeptHost) -> None:
    """Raises NotConverged where something of it is not as it was told."""
    with reader.locked(one) as host:
        stood = folder.known(one)
        if not stood or not stood.end(ifname):
            raise NotConverged([one.sandbox], f"{one.id} is not attached by {ifname}")
        change = compared(one, host)
        host.keep(change.live)
    owner = change.owner
    keys = [step.resource.key for step in change.todo]
    if differing := [key for key in keys if owner(key) == one.sandbox]:
        raise NotConverged(differing)


def collect(runtime: str, network: str, kept: frozenset[tuple[str, str]], reader: KeptHost) -> None:
    """What those have that are no more, and on this network all but who is `kept`, by id and interface."""
    with reader.locked() as host:
        folder.collect()
        for one in folder.guests(runtime):
            folder.put(
                one.only(end for end in one.ends if end.network != network or (one.id, end.ifname) in kept)
            )
        keep(bring_all(host), host)


def forget(runtime: str, idents: Set[str], reader: KeptHost) -> None:
    """Those that are no more, as the runtime says."""
    with reader.locked() as host:
        for one in [one for one in folder.guests(runtime) if one.id in idents]:
            folder.put(one.only(()))
        keep(bring_all(host), host)


def lacking(network: str) -> str:
    """Its name, where it does not stand; "" where it does."""
    return "" if network in facts().networks else network


def facts() -> Facts:
    """What stands, whosever it is."""
    host = Linux()
    return learn.know(host.facts(), host.observe(skeleton()), frozenset())


def wanted(one: Guest) -> Manifest:
    """What is to stand of it, whatever there is of others."""
    if folder.known(one):
        return replace(load([folder.path(one)]), sources=HOME, partial=True)
    return destruction(Manifest(), frozenset({one.sandbox}))


def decided(one: Guest, host: NearHost) -> Change:
    """What is refused is so in sight of all."""
    try:
        return compare(wanted(one), host)
    except ABOUT_HOST:
        if not host.near:
            raise
    host.look_at("")
    return compare(wanted(one), host)


def compared(one: Guest, host: NearHost) -> Change:
    change = decided(one, host)
    for why in change.waiting.values():
        raise why
    told = host.attached.get(f"netns {one.netns}") if one.netns else None
    if told and not told.identity:
        raise ManifestError(f"{one.netns}: {told.wrong or told.lack}")
    return change


def brought(one: Guest, host: NearHost) -> Change:
    """The change that has brought it about; raises why it is not so."""
    change = compared(one, host)
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
    some = any(folder.guests())
    manifest = replace(load([folder.FOLDER], folder=CACHE) if some else Manifest(), sources=HOME)
    change = compare(manifest, host)
    enact(change, host)
    return change


def words(error: ReconcileError) -> str:
    """Why, to a runtime, which knows nothing of the guest's file."""
    return "; ".join(one.message for one in getattr(error, "errors", [error]))


def given(change: Change, one: Guest, ifname: str) -> Given:
    found = ((end, network) for network in change.topology.networks for end in network.endpoints)
    end, network = next(pair for pair in found if (pair[0].sandbox, pair[0].ifname) == (one.sandbox, ifname))
    box = next(box for box in change.topology.sandboxes if box.name == one.sandbox)
    words = (line.split() for line in box.resolv.splitlines())
    return Given(end, network, tuple(word[1] for word in words if word[:1] == ["nameserver"]))
