"""The host as a guest's line needs it: the host itself and this guest are read, and what its neighbours have
is kept, as long as nobody else applies."""

from collections.abc import Iterable
from dataclasses import replace

from ..core.resource import Resource, State
from ..drivers.firewall.elements import CROWDED
from ..inventory.facts import HostFacts, OtherSandboxes
from ..inventory.others import others_of
from ..kernel.linux import Linux
from ..kernel.nft import About
from ..kernel.observe.host_links import HostLinks
from . import folder
from .guest import Guest

LISTENING = ("podman", "conmon")  # conmon is given the sockets when it is there
NOBODY = OtherSandboxes()


class GuestsHost(Linux):
    """Where podman listens on what its containers publish, so that nobody else takes it."""

    @property
    def guests(self) -> Iterable[Guest]:
        """Whose ports matter."""
        return folder.guests()

    def facts(self) -> HostFacts:
        seen = super().facts()
        ports = {(port.protocol, port.published) for one in self.guests for port in one.ports}
        found = {one for one in seen.listeners if (one.protocol, one.port) in ports}
        heard = seen.heard() if found else ()
        podmans = {one[:3] for one in heard if one.holder.partition(" (pid ")[0] in LISTENING}
        return replace(seen, listeners=frozenset(one for one in seen.listeners if one[:3] not in podmans))


class NearHost(GuestsHost):
    """All of it, or as it is `near` one sandbox."""

    def __init__(self) -> None:
        self.kept_links = HostLinks()
        super().__init__(host_links=self.kept_links)
        self.near, self.others, self.rest = "", NOBODY, NOBODY  # all, and all but who is near
        self.sure = False  # that these are what they have

    def look_at(self, sandbox: str) -> None:
        """This one from now on, of which and of the host all is read anew; or all, by ""."""
        self.transcribe()  # nobody asks what has moved, and each guest would leave something in it
        self.near, self.sure = sandbox, self.sure and bool(sandbox)
        self.about = About(sandbox, CROWDED, folder.sandboxes() - {sandbox}) if sandbox else None
        self.rest = self.others.without(sandbox) if sandbox else NOBODY
        self.kept_links.near = sandbox
        if not sandbox:
            self.kept_links.forget()
        ruleset = self.snapshot.ruleset if sandbox else None
        self.forget()  # what was read elsewhere is nobody's here
        self.snapshot.ruleset = ruleset

    def observe(self, named: Iterable[Resource] = (), places: frozenset[str] | None = None) -> State:
        return super().observe(named, frozenset({"", self.near}) if self.near and places is None else places)

    @property
    def guests(self) -> Iterable[Guest]:
        return filter(None, (folder.named(self.near),)) if self.near else super().guests

    def facts(self) -> HostFacts:
        """Of ports that are taken all matter only to who has one of the host's choice."""
        seen = super().facts()
        ports = [port for one in self.guests for port in one.ports]
        choosing = any(port.is_choice for port in ports)
        near = self.rest if choosing else self.rest.at_ports({port.published for port in ports})
        return replace(seen, others=near) if self.near else seen

    def keep(self, stands: State | None) -> None:
        """What stands now, of all that was looked at; None where that cannot be told."""
        self.others = self.rest.joined(others_of(stands or {}))
        self.sure = stands is not None
