"""Networks that remote drivers of libnetwork make, plugins of Docker's, and sandboxes' places there."""

import json
from dataclasses import field

from ..core.resource import Fixed, Identity, Key, Ownership, Resource, Stage, kind
from ..core.subject import NETWORK, Part, Places
from .cni import ATTACHED
from .namespace import Namespace
from .ownership import place

MADE = "made"


def place_of(network: str) -> str:
    """No sandbox's name has a slash."""
    return f"/network:{network}"


@kind
class RemoteNetwork(Resource):
    """A network as its plugin was told of it: nothing of that can change in place."""

    noun, stage, loss = "network", Stage.ATTACHING, "recreate"
    alone = whole = True
    prompt = False  # plugins want each endpoint taken back before

    name: Identity[str]
    project: Fixed[str]
    driver: Fixed[str]
    ident: Fixed[str]  # its NetworkID
    subnets: Fixed[tuple[str, ...]] = ()  # with the gateway's own address, as 10.1.0.1/24
    options: Fixed[str] = "{}"  # JSON
    state: Fixed[str] = MADE

    @property
    def place(self) -> str:
        """Its own: what goes wrong with it concerns nothing but its endpoints."""
        return place_of(self.name)

    @property
    def homes(self) -> tuple[Key, ...]:
        return ()

    @property
    def detail(self) -> str:
        return f"   ({', '.join((self.driver, *self.subnets))})"

    def owner(self, known: Ownership) -> str:
        return self.project or known.shared  # a record that cannot be read tells none

    def part_of(self, known: Places) -> Part:
        return NETWORK, self.name

    def outcome(self, now: Resource | None) -> str:
        return now.state if isinstance(now, RemoteNetwork) else ""

    def commands(self, old: Resource | None) -> list[str]:
        return [f"# plugin {self.driver}: NetworkDriver.CreateNetwork {self.ident} {self.options}"]

    def removal(self) -> list[str]:
        return [f"# plugin {self.driver}: NetworkDriver.DeleteNetwork {self.ident}"]

    def broken(self, state: str) -> "BrokenNetwork":
        return self.turned(BrokenNetwork, state=state)


@kind
class BrokenNetwork(RemoteNetwork):
    """One that is not as its plugin was told, or half made: only its plugin can make it anew."""

    leftover = True


@kind
class RemoteEndpoint(Resource):
    """What a plugin was told of one sandbox, and what has become of it.

    The plugin must take it back while it can be told, even if the sandbox has gone: so no kernel takes it
    along, and it goes by a step of its own.
    """

    noun, stage, loss = "endpoint", Stage.ATTACHING, "recreate"
    place = property(place)

    ns: Identity[str]
    name: Identity[str]  # of its link there
    project: Fixed[str]
    network: Fixed[str]
    driver: Fixed[str]
    home: Fixed[str]  # its NetworkID
    ident: Fixed[str]  # its EndpointID
    mac: Fixed[str] = ""
    chosen: Fixed[tuple[str, ...]] = ()  # addresses that it is to have, as 10.1.0.5/24
    leads: Fixed[tuple[str, ...]] = ()  # families in which the default route of its sandbox is by it
    routes: Fixed[tuple[str, ...]] = ()  # beside those of its plugin, as `10.2.0.0/16 10.1.0.9`
    mtu: Fixed[int] = 0  # 0 is whatever its plugin has made
    options: Fixed[str] = "{}"  # JSON
    state: Fixed[str] = ATTACHED
    addresses: tuple[str, ...] = field(default=(), compare=False)  # what it was given

    @property
    def within(self) -> tuple[Key, ...]:
        return Namespace.at(self.ns), RemoteNetwork.at(self.network)

    @property
    def homes(self) -> tuple[Key, ...]:
        return (Namespace.at(self.ns),)

    @property
    def detail(self) -> str:
        return f"   ({', '.join((self.driver, *self.chosen))})"

    def owner(self, known: Ownership) -> str:
        return self.project or known.of(self.place)

    def outcome(self, now: Resource | None) -> str:
        return now.state if isinstance(now, RemoteEndpoint) else ""

    def commands(self, old: Resource | None) -> list[str]:
        asked = {"Address": self.chosen, "MacAddress": self.mac}
        told = f"{self.ident} {json.dumps(asked)} {self.options}"
        return [f"# plugin {self.driver}: NetworkDriver.CreateEndpoint, Join {told} /run/netns/{self.ns}"]

    def removal(self) -> list[str]:
        return [f"# plugin {self.driver}: NetworkDriver.Leave, DeleteEndpoint {self.ident}"]

    def broken(self, state: str) -> "BrokenEndpoint":
        return self.turned(BrokenEndpoint, state=state)


@kind
class BrokenEndpoint(RemoteEndpoint):
    """One that is no longer as its plugin said: only the plugin can make it anew."""

    leftover = True
