"""What runs in a container, as it was written: Compose's keys that an engine acts on."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated

from ..errors import NOWHERE, Where
from ..values import value
from .key import Key

RUNTIMES = ("none", "podman", "oci", "systemd")  # what may run a container
IDLE = "nothing runs"  # as notes say it of images
WRITTEN = {  # fields by other names than their keys
    "health": "healthcheck",
    "mounts": "volumes",
    "memory": "mem_limit",
    "memory_reservation": "mem_reservation",
    "memory_swap": "memswap_limit",
    "pids": "pids_limit",
}


@value
class MountSpec:
    """One entry of `volumes:`, `tmpfs:`, `secrets:` or `configs:`."""

    kind: str  # bind, volume or tmpfs
    target: str  # the path in the container
    source: str = ""  # an absolute path, or the full name of a volume; "" is an unnamed one
    read_only: bool = False
    options: tuple[str, ...] = ()  # as mount(8) and podman have them: z, rshared, nocopy, size=64m, mode=0400
    make: bool = False  # bind: a folder that is missing is made
    where: Where = field(default=NOWHERE, compare=False)


@value
class HealthSpec:
    """`healthcheck:`; it fails when `retries` tests in a row have, `start_period` after the start."""

    test: tuple[str, ...]  # the words of a program, which is /bin/sh for one line of it; () is none at all
    interval: float = 30.0  # seconds, as all of these; Docker's defaults
    timeout: float = 30.0
    retries: int = 3
    start_period: float = 0.0
    start_interval: float = 5.0  # between tests in the start period


@value
class BuildSpec:
    """`build:`: what an image is made of that is not there."""

    context: str  # an absolute path, or a URL
    dockerfile: str = ""  # a path in the context, or an absolute one
    inline: str = ""  # its text instead
    arguments: tuple[tuple[str, str], ...] = ()
    target: str = ""
    labels: tuple[tuple[str, str], ...] = ()


@value
class DependencySpec:
    """One entry of `depends_on:`."""

    container: str  # the key of a service or container
    condition: str = "service_started"  # or service_healthy, service_completed_successfully
    required: bool = True
    restart: bool = False


@value
class WorkloadSpec:
    """What an engine is to run in one container.  Where nothing is said, the image and the engine decide."""

    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None  # () is none, not even the image's
    variables: str = ""  # the digest of its `environment`, which is kept nowhere
    mounts: tuple[MountSpec, ...] = ()
    health: HealthSpec | None = None
    build: BuildSpec | None = None
    depends_on: tuple[DependencySpec, ...] = ()
    restart: Annotated[str, Key("no, always, on-failure[:TIMES] or unless-stopped.", "Restart")] = "no"
    working_dir: Annotated[str, Key("Where the program starts.")] = ""
    user: Annotated[str, Key("USER[:GROUP] that it runs as.")] = ""
    group_add: Annotated[tuple[str, ...], Key("Further groups of it.", "Scalar")] = ()
    read_only: Annotated[bool, Key("Its root file system cannot be written to.")] = False
    init: Annotated[bool, Key("A small init passes signals on and takes leave of the dead.")] = False
    tty: Annotated[bool, Key("It has a terminal.")] = False
    stdin_open: Annotated[bool, Key("Its standard input stays open.")] = False
    privileged: Annotated[bool, Key("It may do what root may.")] = False
    cap_add: Annotated[tuple[str, ...], Key("Capabilities beyond the engine's.", "Word")] = ()
    cap_drop: Annotated[tuple[str, ...], Key("Capabilities that it lacks.", "Word")] = ()
    security_opt: Annotated[tuple[str, ...], Key("Security options, as no-new-privileges:true.", "Word")] = ()
    devices: Annotated[tuple[str, ...], Key("Devices of the host, as HOST[:CONTAINER[:rwm]].", "Word")] = ()
    ulimits: tuple[tuple[str, int, int], ...] = ()  # (name, soft, hard)
    sysctls: tuple[tuple[str, str], ...] = ()  # those that are not the network's
    shm_size: int = 0  # bytes of /dev/shm; 0 is the engine's default
    stop_signal: Annotated[str, Key("The signal that asks it to end.", "Word")] = ""
    stop_grace_period: float = 10.0  # seconds until it is killed
    pid: Annotated[str, Key("host, service:NAME or container:NAME, whose processes it sees.", "Word")] = ""
    ipc: Annotated[str, Key("host, shareable, private, service:NAME or container:NAME.", "Word")] = ""
    uts: Annotated[str, Key("host: its host name is the host's.", "Word")] = ""
    userns_mode: Annotated[str, Key("host: no user namespace of its own.", "Word")] = ""
    cgroup_parent: Annotated[str, Key("The cgroup that its own is in.", "Word")] = ""
    platform: Annotated[str, Key("Of the image, as linux/arm64.", "Word")] = ""
    pull_policy: Annotated[str, Key("always, missing, never or build.", "PullPolicy")] = "missing"
    logging: tuple[str, tuple[tuple[str, str], ...]] = ("", ())  # (driver, options)
    annotations: Annotated[Mapping[str, str], Key("Annotations of the OCI runtime.", "Scalar", "list")] = (
        field(default_factory=dict)
    )
    oom_score_adj: Annotated[int, Key("How readily it is killed where memory is short.")] = 0
    cpus: float = 0.0  # limits; 0 is none
    cpuset: Annotated[str, Key("The CPUs that it may use, as 0-2,4.", "Word")] = ""
    cpu_shares: Annotated[int, Key("Its weight where CPUs are short; 1024 is usual.")] = 0
    memory: int = 0  # bytes, as these two
    memory_reservation: int = 0
    memory_swap: int = 0  # memory and swap together; -1 is no limit
    pids: int = 0
    unheeded: tuple[tuple[str, Where], ...] = field(default=(), compare=False)  # written keys of no use here
    places: Mapping[str, Where] = field(default_factory=dict, compare=False)  # of keys that were written

    def at(self, key: str, otherwise: Where) -> Where:
        """Where a key stands; the container's own place where it is not written."""
        return self.places.get(key, otherwise)
