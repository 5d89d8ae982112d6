"""A link that encrypts what it carries to other hosts, each known by its public key."""

from dataclasses import field

from ..core.resource import Disruption, Resource, kind
from .link import Link
from .ownership import alias


@kind
class Wireguard(Link):
    """A WireGuard link.  The private key is the host's: it stands in the file `secret` and in
    the kernel, never here."""

    rank = 1

    project: str
    port: int
    public_key: str
    peers: tuple[str, ...]  # `KEY ADDRESS ENDPOINT`, sorted; a peer may send from its address alone
    secret: str = field(default="", compare=False)

    @property
    def alias(self) -> str:
        return alias(self.project, "wireguard")

    def cost(self, old: Resource | None) -> Disruption:
        """Peers that stay as they are keep their sessions."""
        if not isinstance(old, Wireguard):
            return "none"
        same = (old.public_key, old.port, old.up) == (self.public_key, self.port, self.up)
        return "none" if same and set(old.peers) <= set(self.peers) else "flow"

    def commands(self, old: Resource | None) -> list[str]:
        gone, new = changes(self, old)
        words = [f"peer {key} remove" for key in gone]
        words += [f"peer {key} endpoint {end} allowed-ips {ip}/128" for key, ip, end in new]
        return [
            *([] if old else [f"ip link add {self.name} type wireguard"]),
            f"wg set {self.name} listen-port {self.port} private-key {self.secret}",
            *(f"wg set {self.name} {word}" for word in words),
            f"ip link set dev {self.name} {self.settings}",
        ]


def changes(new: Wireguard, old: Resource | None) -> tuple[list[str], list[list[str]]]:
    """The keys that are no peer's any more, and the peers that are new or differ."""
    before = old.peers if isinstance(old, Wireguard) else ()
    keys = {entry.split(" ")[0] for entry in new.peers}
    gone = sorted({entry.split(" ")[0] for entry in before} - keys)
    return gone, [entry.split(" ") for entry in new.peers if entry not in before]
