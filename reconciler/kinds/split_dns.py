"""A domain that systemd-resolved asks somebody else about than it asks about the rest."""

from ..core.resource import Resource, kind
from ..core.subject import NAMES, Part, Places
from .link import AtLink


@kind
class HostDomain(AtLink):
    """It goes with the link that it is about."""

    noun, rank, loss = "domain", 13, "none"

    domain: str
    server: str  # ADDRESS:PORT
    others: bool = False  # the server is asked about every other domain too

    def part_of(self, known: Places) -> Part:
        return NAMES, ""

    def commands(self, old: Resource | None) -> list[str]:
        return [" ".join(("resolvectl", *words)) for words in self.settings]

    @property
    def settings(self) -> tuple[tuple[str, ...], ...]:
        """What resolvectl is told: between two of them nothing else is asked of the server."""
        return (
            ("default-route", self.link, "yes" if self.others else "no"),
            ("domain", self.link, f"~{self.domain}"),
            ("dns", self.link, self.server),
        )

    def removal(self) -> list[str]:
        return [f"resolvectl revert {self.link}"]
