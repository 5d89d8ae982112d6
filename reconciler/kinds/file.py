"""A small file that belongs to a sandbox (`/etc/netns/NAME/hosts`), marked as ours by its first line."""

from shlex import quote

from ..core.resource import Identity, Key, Ownership, Resource, kind
from .namespace import Namespace
from .ownership import place

NAMES = HOSTS, RESOLV = "hosts", "resolv.conf"


@kind
class File(Resource):
    noun, rank = "file", 10
    loss = "none"
    place = property(place)

    ns: str
    path: Identity[str]
    content: str

    @property
    def within(self) -> tuple[Key, ...]:
        return (Namespace.at(self.ns),)

    def commands(self, old: Resource | None) -> list[str]:
        folder = self.path.rpartition("/")[0]
        return [f"mkdir -p {folder}", f"printf %s {quote(self.content)} >{self.path}"]

    def removal(self) -> list[str]:
        return [f"rm {self.path}"]


@kind
class Orphan(File):
    """A file that nobody wants and whose sandbox has gone: somebody removed the namespace alone."""

    leftover = True

    def owner(self, known: Ownership) -> str:
        """The sandbox's name began with its project's."""
        if self.ns in known.places:
            return known.places[self.ns]
        named = (project for project in known.projects if self.ns.startswith(f"{project}-"))
        return max(named, key=len, default=known.shared)
