"""Names: who is called what on a network, and the processes that answer for it (dnsmasq)."""

import re

from ..core.resource import Disruption, Fixed, Identity, Key, Odd, Ownership, Resource, kind
from ..core.subject import NAMES, Part, Places
from .named import CACHED, SET, set_of
from .namespace import around
from .ownership import DOCKER_RESOLVER, FILE_MARK, HOST, TABLE, place

RUN = "/run/reconciler-dns"  # gone with a reboot, as sandboxes are; whoever answers is not root, and reads it
VIEW = "@"  # before the name of a view, in the place of a network: what it asks others, and what not
PIDS = f"{RUN}/pids"
TTL = 5  # seconds for which an answer may be kept
PENDING = (
    10_000  # queries to other servers that one process waits for; each for ten seconds (dnsmasq's TIMEOUT)
)


# Who may be reached by name has no address of a container's, nor one that only the host's own network has.
STRICTLY = ("--stop-dns-rebind", f"--max-cache-ttl={CACHED}")


@kind
class ZoneFile(Resource):
    """What the containers that a project has on a network are called: lines of hosts(5), or of servers."""

    noun, rank, loss = "names", 11, "none"

    network: Identity[str]
    project: Identity[str]
    lines: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return f"{RUN}/names/{self.network}/{self.project}"

    @property
    def content(self) -> str:
        return "".join(f"{line}\n" for line in (FILE_MARK, *self.lines))

    @property
    def option(self) -> str:
        """By which those that read it are told to."""
        return servers_file(self) if self.network.startswith(VIEW) else hosts_folder(self.network)

    def owner(self, known: Ownership) -> str:
        return self.project

    def part_of(self, known: Places) -> Part:
        return NAMES, ""

    @property
    def body(self) -> str:
        return "\n".join(self.lines)

    def commands(self, old: Resource | None) -> list[str]:
        made = [f"mkdir -p {self.path.rpartition('/')[0]}", f"cat >{self.path} <<'END'\n{self.content}END"]
        return [*made, "pkill -HUP dnsmasq || true"]

    def removal(self) -> list[str]:
        return [f"rm {self.path}", "pkill -HUP dnsmasq || true"]


def into(digest: str) -> str:
    """The sets that addresses go to, by family."""
    return ",".join(f"{number}#inet#{TABLE}#{set_of(digest, number)}" for number in (4, 6))


def from_there(words: str) -> tuple[str, str]:
    """The domain and the digest that `--nftset` tells of."""
    found = re.fullmatch(rf"/([^/]*)/4#.*#{SET}(\w+)-4,.*", words)
    return (found[1], found[2]) if found else ("", "")


def hosts_folder(network: str) -> str:
    return f"--addn-hosts={RUN}/names/{network}"


def servers_file(names: ZoneFile) -> str:
    return f"--servers-file={names.path}"


@kind
class Resolver(Resource):
    """A dnsmasq that answers for the names of these networks: on the host, on a port that the firewall leads
    questions to, or in a sandbox that the host is no neighbour of, on its loopback."""

    noun, rank, loss = "resolver", 12, "none"
    place = property(place)

    project: Identity[str]
    name: Identity[str]
    ns: Fixed[str] = HOST
    port: int
    interfaces: tuple[str, ...] = ()  # that questions come in by; `vp*` is every one that begins so
    networks: tuple[str, ...] = ()
    wildcards: tuple[tuple[str, str], ...] = ()  # (domain, address) of whatever ends in it
    written: Odd[tuple[tuple[str, str], ...]] = ()  # (domain, digest) of those whose addresses go into sets

    @property
    def within(self) -> tuple[Key, ...]:
        return around(self.ns)

    @property
    def pid_file(self) -> str:
        return f"{PIDS}/{self.ns}/{self.project}@{self.name}"

    @property
    def arguments(self) -> tuple[str, ...]:
        """Those of dnsmasq that say all of this; the file tells whose it is."""
        return (
            f"--pid-file={self.pid_file}",
            f"--port={self.port}",
            *self.listening,
            *map(hosts_folder, self.networks),
            servers_file(ZoneFile(network=f"{VIEW}{self.name}", project=self.project)),
            *(f"--address=/{domain}/{ip}" for domain, ip in self.wildcards),
            *(STRICTLY if self.written else ()),
            *(f"--nftset=/{domain}/{into(digest)}" for domain, digest in self.written),
        )

    @property
    def listening(self) -> tuple[str, ...]:
        if self.ns != HOST:
            return f"--listen-address={DOCKER_RESOLVER}", "--bind-interfaces"
        return "--except-interface=lo", *(f"--interface={link}" for link in self.interfaces)

    def owner(self, known: Ownership) -> str:
        return self.project

    def part_of(self, known: Places) -> Part:
        return NAMES, ""

    def cost(self, old: Resource | None) -> Disruption:
        return "none"

    def commands(self, old: Resource | None) -> list[str]:
        kill = [f"kill $(cat {self.pid_file})"] if old else []
        enter = f"ip netns exec {self.ns} " * (self.ns != HOST)
        folder = f"mkdir -p {self.pid_file.rpartition('/')[0]}"
        return [*kill, folder, f"{enter}/usr/sbin/dnsmasq {' '.join((*OPTIONS, '$nobody', *self.arguments))}"]

    def removal(self) -> list[str]:
        return [f"kill $(cat {self.pid_file})"]


@kind
class StrayResolver(Resolver):
    """One that no file tells of, or whose sandbox has gone: somebody removed the namespace alone.  It keeps
    that alive, so that the links in there go first, by way of it."""

    rank, leftover = 4, True
    place = ""

    @property
    def within(self) -> tuple[Key, ...]:
        return ()


# What all of them are told.  It listens on no address in particular, since links come and go, and answers by
# the interfaces it was told.  Nothing is read again but at SIGHUP: a user has 128 instances of inotify.
OPTIONS = (
    "--conf-file=/dev/null",
    "--no-hosts",
    "--no-resolv",
    "--no-poll",
    f"--local-ttl={TTL}",
    "--cache-size=1000",
    f"--dns-forward-max={PENDING}",
    # It asks others from where Linux gives ports by default (inet_sysctl_net_init): a socket there keeps
    # nobody from publishing a range (cnm/port_conflicts.py).
    "--min-port=32768",
    "--max-port=60999",
    "--log-facility=/dev/null",
)
