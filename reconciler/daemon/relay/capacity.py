"""How much is relayed at once, and for how long nothing need be said."""

from typing import NamedTuple

SPARE = 16  # descriptors for all else


class Capacity(NamedTuple):
    """2000 idle connections are 2 MB; where nobody reads, each has two chunks (streams.py), 64 MiB of all."""

    ports: int = 1000
    connections: int = 2000
    clients: int = 1000  # of UDP
    idle: float = 600.0  # seconds, as proxy_timeout of nginx's streams
    idle_client: float = 60.0

    @property
    def descriptors(self) -> int:
        return self.ports + 2 * self.connections + self.clients + SPARE

    def within(self, descriptors: int) -> "Capacity":
        """The same in proportion, where a process may have no more."""
        share = min(max(descriptors - SPARE, 0) / (self.descriptors - SPARE), 1.0)
        ports, connections, clients = (max(int(count * share), 1) for count in self[:3])
        return Capacity(ports, connections, clients, self.idle, self.idle_client)
