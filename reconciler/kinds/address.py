"""An address on a link, marked as ours by its protocol number (IFA_PROTO, Linux 5.18)."""

from dataclasses import dataclass

from ..core.resource import Fixed, Identity, Key, Resource
from .link import Link
from .namespace import homes
from .ownership import inside, owner_by_link, place, stage


@dataclass(frozen=True, kw_only=True)
class Address(Resource):
    noun, rank = "address", 7
    place, stage, owner = property(place), property(stage), owner_by_link

    ns: Identity[str]
    link: Identity[str]
    ip: Identity[str]
    prefix: Fixed[int]
    connected: Fixed[bool] = True  # its prefix is routed to its link; only giving it anew restores that

    @property
    def within(self) -> tuple[Key, ...]:
        return (Link.at(self.ns, self.link),)

    @property
    def homes(self) -> tuple[Key, ...]:
        return homes(self)

    def commands(self, old: Resource | None) -> list[str]:
        nodad = " nodad" if ":" in self.ip else ""
        return [inside(self.ns, f"ip address replace {self.ip}/{self.prefix} dev {self.link}{nodad}")]

    def removal(self) -> list[str]:
        return [inside(self.ns, f"ip address del {self.ip}/{self.prefix} dev {self.link}")]
