"""What runs in a sandbox: a container of an engine, which knows how to run it, and is told what."""

import shlex
from collections.abc import Mapping
from dataclasses import field

from ..core.resource import Disruption, Fixed, Identity, Key, Ownership, Resource, Stage, kind
from ..core.subject import CONTAINER, Part, Places
from ..values import value
from .namespace import Namespace

HEALTHY = "healthy"  # as engines tell of one whose test passes
RUNNING = "running"  # so is one that has done its work, and is not to be started again
ASTRAY = "in a namespace that is no more"
ENDED = "ended"  # which its engine has not seen yet
LABEL = "reconciler."  # before the names of labels that tell what engines keep of ours
RUN = "/run/reconciler-workloads"  # what is kept beside an engine, until the next boot
BUNDLE, OWN_ROOT = (
    "config.json",
    "rootfs",
)  # of the OCI runtime: its file, and where the host's own root is bound
ENGINES = ("podman", "oci", "systemd")


def unit(name: str) -> str:
    """The service of systemd that a container is."""
    return f"reconciler-{name}.service"


def variables(name: str) -> str:
    """The file of its variables."""
    return f"{RUN}/systemd/{name}.env"


@value
class How:
    """All that an engine is told: the words of its command line, or files that say it."""

    words: tuple[str, ...] = ()  # podman: those behind `podman run`
    environment: Mapping[str, str] = field(default_factory=dict)  # values of variables that words name
    build: tuple[str, ...] = ()  # podman: the words behind `podman build`, where the image is one to be made
    containerfile: str = ""  # which has this text
    files: tuple[tuple[str, str], ...] = ()  # oci, systemd: (name, text)
    folders: tuple[str, ...] = ()  # of the host, that are made where they are missing


@kind
class Workload(Resource):
    """A container of ours as its engine tells it.  `digest` is of all that it was told, and `how` is that
    itself, which is known of what is wanted alone."""

    noun, stage, loss = "workload", Stage.RUNNING, "recreate"
    alone = True

    name: Identity[str]
    project: str
    engine: Fixed[str]
    sandbox: str = ""  # "" where it has the host's network
    image: str = ""
    digest: str = ""
    state: str = RUNNING
    after: tuple[tuple[str, str], ...] = field(default=(), compare=False)  # (name, condition) it waits for
    pid: int = field(default=0, compare=False, repr=False)  # of its first process, as it was read, and
    health: str = field(default="", compare=False, repr=False)  # starting, healthy, unhealthy; "" has no test
    interval: float = field(default=0.0, compare=False)  # seconds between tests of that; 0 is never
    timeout: float = field(default=30.0, compare=False)  # seconds that one may take
    how: How | None = field(default=None, compare=False, repr=False, metadata={"secret": True})

    @property
    def place(self) -> str:
        """Its own: what goes wrong with it concerns nothing else."""
        return f"/{self.engine}/{self.name}"

    @property
    def within(self) -> tuple[Key, ...]:
        return (Namespace.at(self.sandbox),) if self.sandbox else ()

    @property
    def homes(self) -> tuple[Key, ...]:
        return ()

    @property
    def detail(self) -> str:
        return f"   ({' '.join(filter(None, (self.engine, self.image)))})"

    def owner(self, known: Ownership) -> str:
        return self.project

    def part_of(self, known: Places) -> Part:
        return CONTAINER, self.sandbox or self.name

    def is_same(self, other: Resource | None) -> bool:
        """Whether it was told the same, whatever has become of it."""
        return isinstance(other, Workload) and (self.digest, self.image) == (other.digest, other.image)

    def cost(self, old: Resource | None) -> Disruption:
        """One that does not run has nobody to disturb."""
        return "recreate" if isinstance(old, Workload) and old.state == RUNNING else "none"

    def outcome(self, now: Resource | None) -> str:
        return f"it is {now.state}" if isinstance(now, Workload) else ""

    def commands(self, old: Resource | None) -> list[str]:
        how = self.how or How()
        if self.is_same(old):
            return [START[self.engine].format(self.name)]
        made = [f"mkdir -p {shlex.quote(folder)}" for folder in how.folders]
        made += [f"cat >{name} <<'END'\n{text}END" for name, text in how.files]
        made += [shlex.join(["podman", "build", *how.build])] if how.build else []
        run = shlex.join(["podman", "run", *how.words]) if how.words else START[self.engine].format(self.name)
        return [*(self.removal() if old else ()), *made, run]

    def removal(self) -> list[str]:
        return [REMOVAL[self.engine].format(self.name)]


START = {
    "podman": "podman start {}",
    "oci": "crun run --detach {}",
    "systemd": f"systemctl start {unit('{}')}",
}
REMOVAL = {
    "podman": "podman rm --force {}",
    "oci": "crun delete --force {}",
    "systemd": f"systemctl stop {unit('{}')}",
}
