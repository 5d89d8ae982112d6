"""A link of the host that is lent to a bridge of ours: it stays what it was, and is given back."""

from ..core.resource import Disruption, Drift, Identity, Key, Ownership, Resource, kind
from .link import SWITCH, Link, Vlans, tagging
from .ownership import HOST, LENT, place
from .port_settings import undoing


@kind
class BridgePort(Resource):
    """The way of a bridge to its LAN.  Nothing of the link is touched but its being a port."""

    noun, rank = "port", 3
    place = property(place)

    ns: Identity[str] = HOST
    link: Identity[str]
    bridge: str
    vlans: Vlans = ()
    learning: bool = True  # the LAN's stations; what is for an unknown one goes there
    amiss: Drift[str] = ""  # what else somebody has changed there

    @property
    def within(self) -> tuple[Key, ...]:
        """A bridge that goes lets go of its ports."""
        return (Link.at(self.ns, self.bridge), Link.at(self.ns, self.link))

    @property
    def on_links(self) -> tuple[str, ...]:
        return (self.bridge,)

    def owner(self, known: Ownership) -> str:
        return known.links.get(self.bridge, known.shared)

    def cost(self, old: Resource | None) -> Disruption:
        return "none" if old is None else "flow"

    def commands(self, old: Resource | None) -> list[str]:
        learning = f"learning {SWITCH[self.learning]} flood {SWITCH[self.learning]}"
        return [
            f"ip link set dev {self.link} master {self.bridge}",
            f"ip link set dev {self.link} type bridge_slave cost {LENT} {learning}",
            *undoing(self.link, getattr(old, "amiss", "")),
            *tagging(self.link, self.vlans, getattr(old, "vlans", ())),
        ]

    def removal(self) -> list[str]:
        return [f"ip link set dev {self.link} nomaster"]
