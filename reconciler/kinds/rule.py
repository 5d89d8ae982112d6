"""A routing policy rule, marked as ours by its protocol number.  Rules cannot be changed: all is fixed."""

from ..core.resource import Drift, Fixed, Identity, Ownership, Resource, Unasked, kind
from .ownership import HOST, PROTOCOL, place


@kind
class Rule(Resource):
    """`action` is lookup (of `table`), goto (rule `target`), nop or prohibit; a mask of 0 matches every
    packet.  Somebody may have `narrowed` it to fewer packets than the fields say, or put others `beside` it
    that are called alike: so many."""

    noun, rank = "rule", 9
    loss = "none"
    place = property(place)

    ns: Identity[str] = HOST
    family: Identity[str]  # inet or inet6
    priority: Identity[str]
    iif: Identity[str] = ""
    src: Fixed[str] = ""  # a prefix; "" is any
    dst: Fixed[str] = ""  # likewise
    action: Fixed[str]
    table: Fixed[str] = ""
    target: Fixed[int] = 0
    mark: Fixed[int] = 0
    mask: Fixed[int] = 0
    narrowed: Fixed[Unasked[bool]] = False
    beside: Fixed[Drift[int]] = 0

    @property
    def on_links(self) -> tuple[str, ...]:
        return (self.iif,)

    def owner(self, known: Ownership) -> str:
        """What chooses by a mark among the packets of one link is its project's."""
        return known.of(self.place, self.iif if self.mask else "")

    def commands(self, old: Resource | None) -> list[str]:
        words = [
            f"fwmark {self.mark:#x}/{self.mask:#x}" * bool(self.mask),
            f"from {self.src}" * bool(self.src),
            f"to {self.dst}" * bool(self.dst),
            f"iif {self.iif}" * bool(self.iif),
            {"lookup": f"lookup {self.table}", "goto": f"goto {self.target}"}.get(self.action, self.action),
        ]
        return [
            f"{self._ip} rule add pref {self.priority} {' '.join(filter(None, words))} protocol {PROTOCOL}"
        ]

    def removal(self) -> list[str]:
        iif = f" iif {self.iif}" * bool(self.iif)
        return [f"{self._ip} rule del pref {self.priority}{iif} protocol {PROTOCOL}"]

    @property
    def _ip(self) -> str:
        return "ip -6" if self.family == "inet6" else "ip"
