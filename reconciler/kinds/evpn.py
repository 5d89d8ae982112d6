"""EVPN: the router that tells other hosts of our endpoints."""

from shlex import quote
from typing import NamedTuple

from ..core.resource import Disruption, Fixed, Identity, Ownership, Resource, kind
from .ownership import HOST, place

FRR, CONFIG, SOCKETS = "/usr/lib/frr", "/etc/frr/reconciler", "/run/frr/reconciler"


@kind
class Router(Resource):
    """FRR, in an instance of its own: a host has one, and so it is of one project."""

    noun, rank, loss = "router", 11, "flow"
    place = property(place)

    ns: Identity[str] = HOST
    name: Identity[str] = "evpn"
    project: str
    address: Fixed[str]  # that it listens on; with
    port: Fixed[int]
    config: str  # but for the passwords: they follow from the private key, which stands in no value
    public_key: str = ""
    keys: tuple[str, ...] = ()  # `PEER KEY`, sorted: with whom sessions have a password
    running: bool = True  # all of its daemons, and by this configuration

    @property
    def body(self) -> str:
        return self.config

    def owner(self, known: Ownership) -> str:
        return self.project or known.shared

    def cost(self, old: Resource | None) -> Disruption:
        """A change is loaded into what runs, and sessions stay, but for those whose password changes."""
        if not isinstance(old, Router):
            return "none"
        changed = (f" neighbor {key.split(' ')[0]} " for key in {*self.keys} ^ {*old.keys})
        again = any(peer in self.config and peer in old.config for peer in changed)
        return "flow" if again or self.public_key != old.public_key else "none"

    def commands(self, old: Resource | None) -> list[str]:
        daemons = f'bgpd=yes\nbgpd_options="-P 0 -l {self.address} -p {self.port}"\n'
        reload = f"{FRR}/frr-reload.py --reload --daemon bgpd -N reconciler --rundir {SOCKETS}"
        running = isinstance(old, Router) and old.running
        return [
            *([] if old else [f"mkdir {CONFIG}", f"printf %s {quote(daemons)} >{CONFIG}/daemons"]),
            f"printf %s {quote(self.config)} >{CONFIG}/frr.conf",
            f"{reload} {CONFIG}/frr.conf" if running else f"{FRR}/frrinit.sh restart reconciler",
        ]

    def removal(self) -> list[str]:
        return [f"{FRR}/frrinit.sh stop reconciler", f"rm -r {CONFIG} {SOCKETS}"]


class Told(NamedTuple):
    """That a MAC is behind a host, with an address of it or ""."""

    vni: int
    mac: str
    ip: str
    host: str
