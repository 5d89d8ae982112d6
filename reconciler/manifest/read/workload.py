"""What runs in a container as written becomes a WorkloadSpec."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from ...errors import Where
from ..compose.ignored_keys import INSIDE
from ..compose.merge import NOTHING
from ..model.forms import SERVICE, WORKLOAD
from ..model.keys import from_record
from ..model.validate import ABSENT, record_of
from ..spec import ContainerSpec
from ..workload import RUNTIMES, WRITTEN, BuildSpec, DependencySpec, HealthSpec, WorkloadSpec
from ..yaml.node import Node, followed, nearest
from .containers import NETWORKS, WrittenContainer, in_words
from .mounts import TopLevel, absolute, is_url, mount_specs

if TYPE_CHECKING:
    from ..model.workload import Build, Health, RestartPolicy, WorkloadRecord

CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")
SHARED = "service:"  # of network_mode, pid and ipc
LIMITS = {  # that may be written in two places
    "cpus": ("cpus", "limits", "cpus"),
    "memory": ("mem_limit", "limits", "memory"),
    "memory_reservation": ("mem_reservation", "reservations", "memory"),
    "pids": ("pids_limit", "limits", "pids"),
}


def with_workload(spec: ContainerSpec, written: WrittenContainer, declared: TopLevel) -> ContainerSpec:
    """The container with what it runs; one that runs nothing as it is."""
    if spec.runtime == "none":
        return spec
    written.unused.clear()
    steps = (written.section, written.key)
    record = record_of(acting(written.node), WORKLOAD, steps, written.mistakes, written.unused)
    if record is None:
        return spec
    refuse_unfit(written, spec, record)
    image = spec.image or (f"{declared.project}-{spec.name}" if record.build else "")
    return replace(spec, image=image, workload=workload(written, spec, record, declared))


def acting(node: Node) -> Node:
    """The container's keys that its other form has passed over, less what that has found misspelt."""
    mine = {key: child for key, child in node.value.items() if key in SERVICE.outline.unused}
    for key in mine.keys() & INSIDE.keys():
        child = mine[key]
        known = {name: one for name, one in child.items() if name in INSIDE[key] or name.startswith("x-")}
        mine[key] = Node(known, child.place, child.tag, child.keys) if child.items() else child
    if deploy := node.get("deploy"):
        mine["deploy"] = part(deploy, SERVICE.nested["deploy"][1].outline.unused)
    return Node(mine, node.place, node.tag, node.keys)


def part(node: Node, keys: frozenset[str]) -> Node:
    return Node({key: child for key, child in node.items() if key in keys}, node.place, node.tag, node.keys)


def workload(
    written: WrittenContainer, spec: ContainerSpec, record: "WorkloadRecord", declared: TopLevel
) -> WorkloadSpec:
    logging = record.logging
    made = from_record(
        WorkloadSpec,
        record,
        command=record.command,
        entrypoint=record.entrypoint,
        variables=digest(spec.environment),
        mounts=tuple(mount_specs(written, record, declared)),
        health=health(written, record.healthcheck),
        build=build(written, record.build, declared),
        ulimits=tuple(sorted((name, one.soft, one.hard) for name, one in record.ulimits.items())),
        sysctls=tuple(sysctls(written)),
        shm_size=record.shm_size,
        stop_grace_period=record.stop_grace_period,
        logging=(logging.driver, tuple(sorted(logging.options.items()))) if logging else ("", ()),
        memory_swap=record.memswap_limit,
        unheeded=tuple(unheeded(written)),
        places=dict(places(written)),
        **limits(written, record),
    )
    return replace(made, depends_on=tuple(dependencies(written, spec, made, declared)))


def digest(environment: Mapping[str, str]) -> str:
    """What tells one environment from another."""
    text = "\0".join(f"{name}={value}" for name, value in sorted(environment.items()))
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:16] if environment else ""


def refuse_unfit(written: WrittenContainer, spec: ContainerSpec, record: "WorkloadRecord") -> None:
    """Note what an engine must have, or cannot have."""
    if spec.runtime == "podman":
        if spec.rootfs:
            written.wrong(("rootfs",), "podman runs images: `rootfs` is for oci and systemd", "remove it")
        return
    if not (record.command or record.entrypoint):
        written.wrong((), f"`command` is missing: {spec.runtime} knows of no image", "add `command:`")
    if record.build and not spec.image:
        written.wrong(("build",), f"{spec.runtime} builds no images", "write a `rootfs`, or take podman")


def health(written: WrittenContainer, record: "Health | None") -> HealthSpec | None:
    """What is 0 takes Docker's default, as there."""
    if record is None:
        return None
    if record.disable:
        return HealthSpec(test=())
    if record.test is None:
        message = "`test` is missing: the image's own cannot be had at other times"
        written.wrong(("healthcheck",), message, "write the test too")
        return None
    names = ("interval", "timeout", "retries", "start_period", "start_interval")
    return HealthSpec(test=record.test, **{name: said for name in names if (said := getattr(record, name))})


def build(written: WrittenContainer, record: "Build | None", declared: TopLevel) -> BuildSpec | None:
    if record is None:
        return None
    if record.dockerfile and record.dockerfile_inline:
        label = "keep one of them"
        written.wrong(("build",), "`dockerfile` and `dockerfile_inline` exclude each other", label)
    context = record.context or declared.folder(written.at("build"))
    given = (written.node.get("build") or NOTHING).get("args") or NOTHING
    unset = {name for name, value in given.items() if value.value is None}
    arguments = {
        name: declared.variables.get(name) if name in unset else value for name, value in record.args.items()
    }
    return BuildSpec(
        context=context if is_url(context) else absolute(context, declared.variables),
        dockerfile=record.dockerfile,
        inline=record.dockerfile_inline,
        arguments=tuple(sorted((name, value) for name, value in arguments.items() if value is not None)),
        target=record.target,
        labels=tuple(sorted(record.labels.items())),
    )


def dependencies(
    written: WrittenContainer, spec: ContainerSpec, runs: WorkloadSpec, declared: TopLevel
) -> Iterator[DependencySpec]:
    """Those of `depends_on`, and whose namespaces it shares or which it links to, as Compose has it."""
    said = written.record.depends_on
    for name, one in said.items():
        if one.condition not in CONDITIONS:
            message = f"{one.condition[:60]!r} is no condition"
            written.wrong(("depends_on", name, "condition"), message, nearest(one.condition, CONDITIONS))
        if name in declared.names:
            yield DependencySpec(
                container=name, condition=one.condition, required=one.required, restart=one.restart
            )
    shared = [("network_mode", spec.network_mode), ("pid", runs.pid), ("ipc", runs.ipc)]
    shares = {mode.removeprefix(SHARED): key for key, mode in shared if mode.startswith(SHARED)}
    for name, key in shares.items():
        if name not in declared.names and key != "network_mode":
            written.wrong((key,), f"unknown service `{name}`", nearest(name, declared.names))
    links = (link.partition(":")[0] for link in spec.links)
    for name in dict.fromkeys((*shares, *links)):
        if name in declared.names and name not in said and name != spec.name:
            yield DependencySpec(container=name, restart=name in shares)


def sysctls(written: WrittenContainer) -> Iterator[tuple[str, str]]:
    """Those that are not the network's, as sysctl(8) writes them."""
    for name, value in sorted(vars(written.record)["sysctls"].items()):
        if name.startswith(NETWORKS):
            continue
        if words := in_words(value):
            yield name.replace("/", "."), words
        else:
            hint = "printable characters, on one line"
            written.wrong(("sysctls", name), f"{value[:60]!r} is no value of {name}", hint)


def limits(written: WrittenContainer, record: "WorkloadRecord") -> dict[str, float | str]:
    """What it may use, of whichever key says it; and the restart policy, which is in two places too."""
    deploy = record.deploy
    resources = deploy.resources if deploy else None
    found: dict[str, float | str] = {}
    for name, (key, group, inner) in LIMITS.items():
        own, other = getattr(record, key), getattr(getattr(resources, group, None), inner, 0)
        if own and other and own != other:
            message = f"`{key}` and `deploy.resources.{group}.{inner}` differ"
            written.wrong((key,), message, "keep one of them")
        found[name] = own or other
    if deploy and deploy.restart_policy and not written.node.get("restart"):
        found["restart"] = policy(deploy.restart_policy)
    return found


def policy(record: "RestartPolicy") -> str:
    """Swarm's words in Compose's."""
    condition = {"none": "no", "any": "always"}.get(record.condition, record.condition)
    times = f":{record.max_attempts}" if condition == "on-failure" and record.max_attempts else ""
    return f"{condition}{times}"


def unheeded(written: WrittenContainer) -> Iterator[tuple[str, Where]]:
    """Keys that nothing acts on, each with its place."""
    for path in sorted(written.unused):
        key = path.removeprefix(f"{written.section}.*.")
        yield key, written.at(*key.split("."))
    if written.record.runtime not in ("", written.runtime, *RUNTIMES):
        yield "runtime", written.at("runtime")


def places(written: WrittenContainer) -> Iterator[tuple[str, Where]]:
    """Of every key that is written, also by the name of the field that it becomes."""
    known = {key: node for key, node in written.node.items() if node.value not in ABSENT}
    for key in known:
        yield key, written.at(key)
    for field, key in WRITTEN.items():
        if key in known:
            yield field, written.at(key)
    for field, (key, group, inner) in LIMITS.items():
        steps = ("deploy", "resources", group, inner)
        if key not in known and len(followed(written.node, steps)) > len(steps):
            yield field, written.at(*steps)
