"""The line for a guest: all of what its runtime asks for, or as it was."""

from typing import NamedTuple

from ..cnm.topology import Endpoint, Network
from ..drivers.firewall.elements import skeleton
from ..errors import FailedInPart, NotConverged, ReconcileError
from ..inventory import learn
from ..kernel.linux import Linux
from ..kernel.lock import lock
from ..manifest.spec import Manifest
from ..paths import CACHE
from ..pipeline import Change, compare, destruction, enact, load
from . import folder
from .guest import Guest, GuestEnd

PATIENCE = 60.0  # seconds for the host's lock


class Given(NamedTuple):
    """What a guest has on a network."""

    end: Endpoint
    network: Network
    servers: tuple[str, ...]  # who answers for names, by their addresses


def join(one: Guest, end: GuestEnd) -> Given:
    """Attach it to a network, once or again.  Raises what refuses it, when all is as it was."""
    with lock(PATIENCE):
        before = folder.known(one)
        stood = before if before and before.inode == one.inode else one
        folder.put(stood.joined(end))
        try:
            return given(brought(one.runtime, one.sandbox), one, end.ifname)
        except BaseException:
            folder.put(before or one)  # of whom nothing is kept, as it is on no network
            raise


def part(one: Guest, ifname: str) -> None:
    """From the network that it is on by this interface, whatever has become of it."""
    with lock(PATIENCE):
        if stood := folder.known(one):
            folder.put(stood.parted(ifname))
            brought(one.runtime)


def check(one: Guest, ifname: str) -> None:
    """Raises NotConverged where something of it is not as it was told."""
    with lock(PATIENCE):
        stood = folder.known(one)
        if not stood or not stood.end(ifname):
            raise NotConverged([one.sandbox], f"{one.id} is not attached by {ifname}")
        todo = compared(one.runtime, Linux()).todo
        if left := [step.resource.key for step in todo if step.resource.place == one.sandbox]:
            raise NotConverged(left)


def collect(runtime: str, network: str, kept: frozenset[tuple[str, str]]) -> None:
    """What those have that are no more, and on this network all but who is `kept`, by id and interface."""
    with lock(PATIENCE):
        gone = {one.runtime for one in folder.collect()}
        for one in folder.guests(runtime):
            left = one.only(end for end in one.ends if end.network != network or (one.id, end.ifname) in kept)
            if left != one:
                folder.put(left)
                gone.add(runtime)
        for name in sorted(gone):
            brought(name)


def lacking(network: str) -> str:
    """Its name, where it does not stand; "" where it does."""
    host = Linux()
    facts = learn.know(host.facts(), host.observe(skeleton()), frozenset())
    return "" if network in facts.networks else network


def compared(runtime: str, host: Linux) -> Change:
    if any(folder.guests(runtime)):
        manifest = load([folder.FOLDER], projects=frozenset({runtime}), folder=CACHE)
    else:
        manifest = destruction(Manifest(), frozenset({runtime}))
    return compare(manifest, host)


def brought(runtime: str, sandbox: str = "", host: Linux | None = None) -> Change:
    """The change that has brought its guests about; raises why one of them, `sandbox`, is not so."""
    host = host or Linux()
    change = compared(runtime, host)
    for why in change.waiting.values():
        raise why
    try:
        enact(change, host)
    except FailedInPart as error:
        if sandbox in error.refusals:
            raise error.refusals[sandbox] from None
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
