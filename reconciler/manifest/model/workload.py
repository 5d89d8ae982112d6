"""What a manifest may say of what runs in a container.  Held against those that run something alone."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from ..compose.ignored_keys import DEPLOY, INSIDE, SERVICE
from ..workload import WorkloadSpec
from . import amounts
from .checks import Cpus, Inside, Mode, Natural, Scalar, Seconds, Size, SizeOrNone, Words
from .record import ALSO, Also, Is, Record, of

Count = Annotated[int, BeforeValidator(amounts.count, json_schema_input_type=int | str)]


class Health(Record):
    """How it is told whether a container is well."""

    test: Annotated[
        tuple[Scalar, ...] | None,
        BeforeValidator(amounts.health_test, json_schema_input_type=str | list[str]),
    ] = Is("A line for /bin/sh, or a list that begins with CMD, CMD-SHELL or NONE.", default=None)
    interval: Seconds = Is("Between two tests, as 30s.", default=0.0)
    timeout: Seconds = Is("A test that takes longer has failed.", default=0.0)
    retries: Natural = Is("As many failures in a row make it unhealthy.", default=0)
    start_period: Seconds = Is("Failures so soon after the start do not count.", default=0.0)
    start_interval: Seconds = Is("Between two tests in that time.", default=0.0)
    disable: bool = Is("Not even the image's own test.", default=False)


class Build(Record):
    """What an image is made of."""

    context: str = Is("The folder, or a URL.", default="")
    dockerfile: str = Is("The file with the steps, from the context on.", default="")
    dockerfile_inline: str = Is("Its text instead.", default="")
    args: Annotated[dict[str, Scalar], ALSO["list"]] = Is("Variables of the build.", default_factory=dict)
    target: str = Is("The stage that is wanted.", default="")
    labels: Annotated[dict[str, Scalar], ALSO["list"]] = Is("Labels of the image.", default_factory=dict)
    unused = INSIDE["build"] - {"context", "dockerfile", "dockerfile_inline", "args", "target", "labels"}


class BindOptions(Record):
    """Of a folder or file of the host."""

    propagation: Literal["", "private", "rprivate", "shared", "rshared", "slave", "rslave"] = Is(
        "Whether mounts below it pass from one side to the other, as mount(8) has it.", default=""
    )
    create_host_path: bool = Is("A folder that is missing is made.", default=False)
    selinux: Literal["", "z", "Z"] = Is("Its label: z is shared, Z the container's own.", default="")
    unused = frozenset(["recursive"])


class VolumeOptions(Record):
    """Of a volume."""

    nocopy: bool = Is("It does not begin with what the image has there.", default=False)
    unused = frozenset(["labels", "subpath"])


class TmpfsOptions(Record):
    """Of a file system in memory."""

    size: Size = Is("Its most, as 64m.", default=0)
    mode: Mode | None = Is("Permissions, as 01777.", default=None)


class Mount(Record):
    """Something of the host, or a volume, at a path of the container."""

    type: Literal["bind", "volume", "tmpfs"] = Is("bind, volume or tmpfs.")
    source: str = Is("The path on the host, or the volume's key.", default="")
    target: Inside = Is("The path in the container.")
    read_only: bool = Is("Nothing can be written there.", default=False)
    bind: BindOptions | None = Is("Options of a bind.", default=None)
    volume: VolumeOptions | None = Is("Options of a volume.", default=None)
    tmpfs: TmpfsOptions | None = Is("Options of a tmpfs.", default=None)
    consistency: Literal["", "consistent", "cached", "delegated"] = Is(
        "Of other systems: on Linux both sides are one.", default=""
    )


class Grant(Record):
    """A secret or a config, as a file of the container."""

    source: str = Is("Its key at the top level.")
    target: str = Is("Name or path of the file.", default="")
    unused = frozenset(["uid", "gid", "mode"])


class Limit(Record):
    """One of ulimits; -1 is none."""

    soft: int = Is("What a program has.", ge=-1)
    hard: int = Is("As far as it may raise that.", ge=-1)


class Logging(Record):
    """Where its output goes."""

    driver: str = Is("The engine's log driver.", default="")
    options: dict[str, Scalar] = Is("Options of that.", default_factory=dict)


class Most(Record):
    """What it may use at most."""

    cpus: Cpus = Is("CPUs, as 0.5.", default=0.0)
    memory: Size = Is("Memory, as 512m.", default=0)
    pids: Count = Is("Processes.", default=0)


class Least(Record):
    """What is kept for it."""

    memory: Size = Is("Memory, as 256m.", default=0)
    unused = frozenset(["cpus", "devices", "generic_resources"])


class Resources(Record):
    """What it may use."""

    limits: Most | None = Is("At most.", default=None)
    reservations: Least | None = Is("At least.", default=None)


class RestartPolicy(Record):
    """When it is started again, where `restart` says nothing."""

    condition: Literal["none", "on-failure", "any", "no", "always", "unless-stopped"] = Is(
        "none, on-failure or any.", default="any"
    )
    max_attempts: Natural = Is("on-failure: as many times at most; 0 is no limit.", default=0)
    unused = frozenset(["delay", "window"])


class Deployed(Record):
    """What of `deploy` concerns each container."""

    resources: Resources | None = Is("What each container may use.", default=None)
    restart_policy: RestartPolicy | None = Is("When it is started again.", default=None)
    unused = DEPLOY - {"resources", "restart_policy"}


@of(WorkloadSpec)
class WorkloadRecord(Record):
    """What runs in a container, by Compose's keys."""

    command: Words | None = Is("The program's words; [] is none.", default=None)
    entrypoint: Words | None = Is("The words before the command's; [] is none.", default=None)
    build: Annotated[Build | None, ALSO["text"]] = Is("What the image is made of.", default=None)
    volumes: list[Annotated[Mount, BeforeValidator(amounts.mount, json_schema_input_type=str | Mount)]] = Is(
        "What it sees of the host, and its volumes.", default_factory=list
    )
    tmpfs: Annotated[list[str], ALSO["text"]] = Is(
        "File systems in memory, as /run or /run:size=64m.", default_factory=list
    )
    secrets: list[Annotated[Grant, Also({"type": "string"})]] = Is(
        "Secrets that it reads below /run/secrets.", default_factory=list
    )
    configs: list[Annotated[Grant, Also({"type": "string"})]] = Is(
        "Configs that it reads below /.", default_factory=list
    )
    healthcheck: Health | None = Is("How it is told whether it is well.", default=None)
    logging: Logging | None = Is("Where its output goes.", default=None)
    ulimits: dict[str, Annotated[Limit, Also({"type": "integer"})]] = Is(
        "Limits of its processes, as nofile.", default_factory=dict
    )
    shm_size: Size = Is("Size of /dev/shm, as 64m.", default=0)
    mem_limit: Size = Is("Memory at most, as 512m.", default=0)
    mem_reservation: Size = Is("Memory that is kept for it.", default=0)
    memswap_limit: SizeOrNone = Is("Memory and swap together; -1 is no limit.", default=0)
    pids_limit: Count = Is("Processes at most; -1 is no limit.", default=0)
    cpus: Cpus = Is("CPUs at most, as 0.5.", default=0.0)
    stop_grace_period: Seconds = Is("From the signal to the end, as 10s.", default=10.0)
    deploy: Deployed | None = Is("Limits of each of its containers.", default=None)


WorkloadRecord.unused = SERVICE - WorkloadRecord.model_fields.keys()


class VolumeRecord(Record):
    """A volume, which keeps what is written there."""

    name: str = Is("Full name, instead of PROJECT_VOLUME.", default="")
    external: bool = Is("It exists already.", default=False)
    driver: str = Is("`local` is the only one.", default="")
    driver_opts: dict[str, Scalar] = Is(
        "A folder of the host in its place: `{type: none, o: bind, device: /FOLDER}`.", default_factory=dict
    )
    unused = frozenset(["labels"])


class SharedFile(Record):
    """A secret or a config."""

    file: str = Is("The file with its text, relative to this one.", default="")
    name: str = Is("For people.", default="")
    external: bool = Is("It is kept somewhere else.", default=False)
    environment: str = Is("The variable with its text.", default="")
    content: str = Is("Its text.", default="")
    unused = frozenset(["driver", "driver_opts", "labels", "template_driver"])
