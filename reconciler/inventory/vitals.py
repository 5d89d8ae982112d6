"""What is read of a host to tell what will bite there, beside the facts that decisions depend on."""

from collections.abc import Mapping
from dataclasses import field

from ..values import value


class Untold(Exception):
    """The host does not say it, so that nothing follows."""


@value
class Vitals:
    sysctls: Mapping[str, str] = field(default_factory=dict)  # those that could be read, by path
    programs: frozenset[str] = frozenset()  # names of the processes that run
    texts: Mapping[str, str] = field(default_factory=dict)  # of configuration files, by path, as they count
    used: Mapping[str, int] = field(default_factory=dict)  # how much of a limit, by the path of its sysctl
    # Container -> addresses of metadata services that have answered it
    metadata: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def sysctl(self, name: str) -> str:
        """Raises Untold."""
        if name not in self.sysctls:
            raise Untold(f"{dotted(name)} cannot be read here")
        return self.sysctls[name]

    def limit(self, name: str) -> tuple[int, int]:
        """How much is used, of how much; raises Untold."""
        if name not in self.used:
            raise Untold(f"how much of {dotted(name)} is used cannot be read here")
        return self.used[name], int(self.sysctl(name).split()[0])


def dotted(name: str) -> str:
    """As people write it: in what stands between dots a dot is a slash (sysctl.d(5))."""
    return name.translate(str.maketrans("./", "/."))
