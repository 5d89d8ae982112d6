"""The drivers that there are on one host: those of the program, those that are installed, and plugins."""

from collections.abc import Iterator, Mapping

from ..cnm.driver import Driver
from ..errors import NoDriver
from ..inventory.facts import Facts
from ..manifest.options import lack

PLACES = "/run/docker/plugins, /etc/docker/plugins or /usr/lib/docker/plugins"
OURSELVES = "reconciler"  # what our own plugin is called


class HostDrivers(Mapping[str, Driver]):
    """As `drivers.DRIVERS`, and beside them the plugins that the facts tell of."""

    def __init__(self, table: Mapping[str, Driver], facts: Facts):
        self.table, self.facts = table, facts

    def __getitem__(self, name: str) -> Driver:
        try:
            return self.table[name]
        except KeyError:
            if not (self.facts.known or name in self.facts.plugins):
                raise
        return self.remote(name)

    def remote(self, name: str) -> Driver:
        from .remote import RemoteDriver  # which few have

        if name == OURSELVES:
            hint = "write `driver: bridge`, or leave it out"
            raise NoDriver("our own plugin is no driver of ours", hint)
        plugin = self.facts.plugins.get(name)
        if plugin is None:
            message, hint = lack(self.table, name)
            raise NoDriver(f"{message}, and no plugin in {PLACES}", hint)
        if plugin.lack:
            hint = "start it, or mend what tells of it"
            raise NoDriver(f"plugin {name} at {plugin.address} cannot be used: {plugin.lack}", hint)
        return RemoteDriver(plugin)

    def __iter__(self) -> Iterator[str]:
        return iter(self.table)

    def __len__(self) -> int:
        return len(self.table)
