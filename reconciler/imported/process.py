"""What runs in a container, from what `inspect` says of it, to Compose's keys.

Docker and podman say it in the same words.  Whatever is said and has no line here is told.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .draft import compact
from .inspected import Object, Odd, many, mapping, number, short, texts, word, words

Translation = Callable[[Any], Any]  # from an engine's value to a manifest's; None says nothing
SECOND = 10**9  # of an engine's times
DEFAULT_SHM = (64 << 20, 65536000)  # Docker's and podman's bytes of /dev/shm
# What podman drops beyond Docker's list, whatever it is told.
USUAL_DROPS = {"CAP_AUDIT_WRITE", "CAP_MKNOD", "CAP_NET_RAW"}
USUAL_LOGS = {"json-file", "journald", "k8s-file", "local"}
COMPOSE_LABELS = "com.docker.compose."  # how its own begin
# What podman puts into each container, and into the options of each tmpfs.
VARIABLES = {
    "container": ("podman",),
    "HOME": ("/", "/root"),
    "TERM": ("xterm",),
    "PATH": ("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",),
}
TMPFS = {"rw", "rprivate", "nosuid", "nodev", "tmpcopyup"}
READ_ONLY_TMPFS = ("/run", "/tmp", "/var/tmp")  # that podman adds to a read-only root


def health(said: Any) -> Any:
    found = mapping(said)
    times = {"interval": "Interval", "timeout": "Timeout", "start_period": "StartPeriod"}
    spans = {key: span(number(found.get(name))) for key, name in times.items()}
    return compact(test=words(found.get("Test")), retries=number(found.get("Retries")), **spans)


def span(nanoseconds: int) -> str:
    return f"{nanoseconds / SECOND:g}s" if nanoseconds else ""


def restart(said: Any) -> Any:
    name, times = word(mapping(said).get("Name")), number(mapping(said).get("MaximumRetryCount"))
    return f"{name}:{times}" if name == "on-failure" and times else name if name != "no" else None


def logging(said: Any) -> Any:
    kind, options = word(mapping(said).get("Type")), texts(mapping(said).get("Config"))
    return None if kind in USUAL_LOGS and not options else compact(driver=kind, options=options)


def limits(said: Any) -> Any:
    found = [mapping(one) for one in many(said)]
    each = {word(one.get("Name")): {"soft": one.get("Soft"), "hard": one.get("Hard")} for one in found}
    return {name.lower().removeprefix("rlimit_"): one for name, one in each.items()}


def devices(said: Any) -> Any:
    keys = ("PathOnHost", "PathInContainer", "CgroupPermissions")
    return [":".join(filter(None, (word(mapping(one).get(key)) for key in keys))) for one in many(said)]


def drops(said: Any) -> Any:
    return [name for name in words(said) if name not in USUAL_DROPS]


def temporary(said: Any) -> Any:
    found = {
        path: [one for one in options.split(",") if one not in TMPFS] for path, options in texts(said).items()
    }
    podmans = (path for path, options in texts(said).items() if {*options.split(",")} == TMPFS)
    usual = {path for path in podmans if path in READ_ONLY_TMPFS}
    return [
        ":".join(filter(None, (path, ",".join(options))))
        for path, options in found.items()
        if path not in usual
    ]


def only(*known: str) -> Translation:
    """A text, unless it is one of these."""
    return lambda said: word(said) if word(said) not in known else None


def bytes_of(said: Any) -> Any:
    return number(said) if number(said) > 0 else None


def shared_memory(said: Any) -> Any:
    return None if number(said) in (0, *DEFAULT_SHM) else number(said)


def assignments(said: Any) -> dict[str, Any]:
    return {name: text for name, _, text in (one.partition("=") for one in words(said))}


def less(*beginnings: str) -> Translation:
    """Without the names that begin so."""
    return lambda said: {name: text for name, text in texts(said).items() if not name.startswith(beginnings)}


labels = less(COMPOSE_LABELS)
annotations = less("io.", "org.opencontainers.")  # by which podman and its kin remember what they were told


def entrypoint(said: Any) -> Any:
    """Podman 4 says a text, others a list."""
    return said if isinstance(said, str) else words(said)


def in_one(said: Any) -> str:
    """It as podman 4 says it."""
    return " ".join(map(str, said)) if isinstance(said, list) else str(said or "")


CONFIG: Mapping[str, tuple[str, Translation]] = {
    "Image": ("image", word),
    "Entrypoint": ("entrypoint", entrypoint),
    "Cmd": ("command", words),
    "Env": ("environment", assignments),
    "Labels": ("labels", labels),
    "Annotations": ("annotations", annotations),
    "User": ("user", word),
    "WorkingDir": ("working_dir", only("/")),
    "Domainname": ("domainname", word),
    "Tty": ("tty", bool),
    "OpenStdin": ("stdin_open", bool),
    "StopSignal": ("stop_signal", lambda said: None if said in (15, "SIGTERM") else str(said)),
    "StopTimeout": ("stop_grace_period", lambda said: f"{number(said)}s" if said != 10 else None),
    "Healthcheck": ("healthcheck", health),
}
HOST_CONFIG: Mapping[str, tuple[str, Translation]] = {
    "RestartPolicy": ("restart", restart),
    "CapAdd": ("cap_add", words),
    "CapDrop": ("cap_drop", drops),
    "GroupAdd": ("group_add", words),
    "SecurityOpt": ("security_opt", words),
    "Sysctls": ("sysctls", texts),
    "Dns": ("dns", words),
    "DnsOptions": ("dns_opt", words),
    "DnsSearch": ("dns_search", words),
    "ExtraHosts": ("extra_hosts", words),
    "Privileged": ("privileged", bool),
    "ReadonlyRootfs": ("read_only", bool),
    "Init": ("init", bool),
    "ShmSize": ("shm_size", shared_memory),
    "OomScoreAdj": ("oom_score_adj", number),
    "PidMode": ("pid", only("private")),
    "IpcMode": ("ipc", only("private", "shareable")),
    "UTSMode": ("uts", only("private")),
    "UsernsMode": ("userns_mode", word),
    "CgroupParent": ("cgroup_parent", word),
    "Memory": ("mem_limit", bytes_of),
    "MemoryReservation": ("mem_reservation", bytes_of),
    "NanoCpus": ("cpus", lambda said: f"{number(said) / SECOND:g}" if said else None),
    "CpuShares": ("cpu_shares", number),
    "CpusetCpus": ("cpuset", word),
    "PidsLimit": ("pids_limit", bytes_of),
    "Ulimits": ("ulimits", limits),
    "Devices": ("devices", devices),
    "LogConfig": ("logging", logging),
    "Tmpfs": ("tmpfs", temporary),
}
# What is read elsewhere, or says how the engine itself does it.
UNSAID = {
    *("Binds", "NetworkMode", "PortBindings", "PublishAllPorts", "Links", "ContainerIDFile", "Mounts"),
    *("MaskedPaths", "ReadonlyPaths", "ConsoleSize", "CgroupManager", "Cgroups", "MemorySwap", "CgroupConf"),
}
UNSAID_CONFIG = {
    *("Hostname", "AttachStdin", "AttachStdout", "AttachStderr", "StdinOnce", "ExposedPorts", "Volumes"),
    *("MacAddress", "CreateCommand", "Umask", "Passwd", "ArgsEscaped"),
}
# What engines say of their own accord.
USUAL = {
    "Runtime": ("runc", "crun", "oci", "io.containerd.runc.v2"),
    "CgroupnsMode": ("private", "host"),
    "CgroupMode": ("private", "host"),
    "HealthcheckOnFailureAction": ("none",),
    "sdNotifyMode": ("container", "ignore"),
    "Isolation": ("default",),
}


def said(one: Object, image: Object, lost: list[str]) -> dict[str, Any]:
    """The keys of what runs, less what the image says by itself."""
    config, host = part(one, "Config", lost), part(one, "HostConfig", lost)
    same = in_one(config.get("Entrypoint")) == in_one(image.get("Entrypoint"))
    kept = {"Image"} if same else {"Image", "Cmd"}  # an image's command is not run behind another entrypoint
    own = {key: value for key, value in config.items() if value != image.get(key) or key in kept}
    if same:
        own.pop("Entrypoint", None)
    if isinstance(own.get("Env"), list) and isinstance(known := image.get("Env"), list):
        own["Env"] = [row for row in own["Env"] if row not in known]
    found = {**table(own, CONFIG, lost), **table(host, HOST_CONFIG, lost)}
    found |= compact(environment=variables(found.pop("environment", {}), config))
    lost += unknown(host, HOST_CONFIG.keys() | UNSAID, "HostConfig")
    lost += unknown(config, CONFIG.keys() | UNSAID_CONFIG, "Config")
    memory, swap = number_of(host.get("Memory")), number_of(host.get("MemorySwap"))
    if memory and swap not in (0, 2 * memory):
        found["memswap_limit"] = swap
    return found


def variables(known: Mapping[str, str], config: Object) -> dict[str, str]:
    """Less those that engines add themselves."""
    usual = {**VARIABLES, "HOSTNAME": (config.get("Hostname"),)}
    return {name: text for name, text in known.items() if text not in usual.get(name, ())}


def part(one: Object, key: str, lost: list[str]) -> Object:
    try:
        return mapping(one.get(key))
    except Odd:
        lost.append(f"{key} is no object")
        return {}


def table(found: Object, known: Mapping[str, tuple[str, Translation]], lost: list[str]) -> dict[str, Any]:
    """Those keys that say something, in a manifest's words."""
    done: dict[str, Any] = {}
    for name, (key, translated) in known.items():
        try:
            done |= compact(**{key: translated(found[name])}) if found.get(name) else {}
        except (ValueError, TypeError, AttributeError):
            lost.append(f"{name}, which is not understood: {short(found[name])}")
    return done


def unknown(found: Object, known: set[str], of: str) -> Iterator[str]:
    """What has no key in a manifest, where it says something."""
    for name in sorted(map(str, found.keys() - known)):
        value = found[name]
        if value and value != -1 and not is_usual(name, value):
            yield f"{of}.{name}: {short(value)}"


def is_usual(name: str, value: Any) -> bool:
    return isinstance(value, str) and value in USUAL.get(name, ())


def number_of(said: Any) -> int:
    return said if isinstance(said, int) else 0
