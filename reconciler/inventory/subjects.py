"""What a person calls what a step is about, as two states tell it together; each kind knows what to ask."""

from functools import cached_property

from ..core.resource import Resource, State
from ..core.subject import CONTAINER, NETWORK, PORT, Part, Places, Subject
from ..kinds.address import Address
from ..kinds.link import NetworkLink, Veth
from ..kinds.ownership import HOST, SHARED
from .bykind import by_kind
from .ownership import by_key


class Subjects:
    """Of all resources of two states, of which the second is believed first."""

    def __init__(self, live: State, desired: State):
        self.states = by_kind(live), by_kind(desired)
        self.owner = by_key(*self.states)

    def of(self, r: Resource) -> Subject:
        return Subject(self.owner(r.key) or SHARED, *r.part_of(self.places))

    def words(self, r: Resource) -> dict[str, str]:
        """For scripts: `{"project": "shop", "container": "shop-web-1"}`."""
        project, kind, name = self.of(r)
        return {"project": project} | ({kind: name} if kind in (CONTAINER, NETWORK, PORT) else {})

    @cached_property
    def places(self) -> Places:
        links: dict[str, Part] = {}
        addresses: dict[str, Part] = {}
        for state in self.states:
            links |= {r.name: (NETWORK, r.network) for r in state.of(NetworkLink)}
            links |= {r.host_name: (CONTAINER, r.ns) for r in state.of(Veth)}
            addresses |= {r.ip: (CONTAINER, r.ns) for r in state.of(Address) if r.ns != HOST}
        return Places(links, addresses)
