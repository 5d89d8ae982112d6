"""An address on a link, marked as ours by its protocol number (IFA_PROTO, Linux 5.18)."""

from dataclasses import field

from ..core.resource import Drift, Fixed, Identity, Resource, Unasked, kind
from .link import AtLink
from .ownership import PROTOCOL, inside


@kind
class Address(AtLink):
    noun, rank = "address", 7

    ip: Identity[str]
    prefix: Fixed[int]
    connected: Fixed[Unasked[bool]] = (
        True  # its prefix is routed to its link; only giving it anew restores that
    )
    expires: Drift[bool] = False  # it has a lifetime, or that it is preferred has ended

    # The link of the host by which its LAN is asked whether another machine has it, and the 802.1Q tag there;
    # "" where nobody is to be asked.
    lan: str = field(default="", compare=False)
    tag: int = field(default=0, compare=False)

    def commands(self, old: Resource | None) -> list[str]:
        more = " nodad" * (":" in self.ip) + f" proto {PROTOCOL}"
        return [inside(self.ns, f"ip address replace {self.ip}/{self.prefix} dev {self.link}{more}")]

    def removal(self) -> list[str]:
        return [inside(self.ns, f"ip address del {self.ip}/{self.prefix} dev {self.link}")]
