"""A network as written becomes a NetworkSpec: Docker's option names and external forms are translated here."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

from .fields import IFNAME, address, mtu
from .models import Network
from .node import Mistakes, Node, Place, locate, nearest, where
from .options import OPTIONS, Option, accepted
from .plugins import plugin_drivers
from .spec import NetworkSpec, SubnetSpec

GATEWAY_MODES = ("nat", "routed", "nat-unprotected", "isolated")
PREDEFINED = ("host", "none", "bridge")  # Docker's own networks, which files name as external ones
TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


@dataclass(frozen=True)
class Written:
    """A network's key, node and record, and where to tell mistakes."""

    key: str
    node: Node
    spot: Place
    record: Network
    mistakes: Mistakes
    notes: list[str]

    @property
    def path(self) -> str:
        return f"networks.{self.key}"

    def wrong(self, steps: tuple[str | int, ...], message: str, hint: str = "") -> None:
        path = ".".join([self.path, *map(str, steps)])
        self.mistakes.at(locate(self.node, steps) if steps else self.spot, path, message, hint)


def spec_of(written: Written) -> NetworkSpec:
    record = written.record
    if record.external:
        return external(written)
    driver = {"": "bridge", "default": "bridge"}.get(record.driver, record.driver)
    if driver not in OPTIONS and driver not in plugin_drivers():
        known = [*OPTIONS, *plugin_drivers()]
        written.wrong(("driver",), f"unknown driver `{driver}`", nearest(driver, known))
        driver = "bridge"
    fields, options = translated(written, driver)
    return NetworkSpec(
        name=written.key,
        driver=driver,
        full_name=record.name,
        options=options,
        subnets=subnets(written, fields.get("enable_ipv6", record.enable_ipv6)),
        allow_networks=tuple(record.allow_networks),
        attachable=record.attachable,
        scope=record.scope or ("swarm" if driver == "overlay" else "local"),
        labels=record.labels,
        where=where(written.spot, written.path),
        **{**own_fields(record), **fields},
    )


def own_fields(record: Network) -> dict[str, Any]:
    """The fields of a NetworkSpec that our own keys set."""
    names = "internal icc enable_ipv4 enable_ipv6 mtu bridge_name gateway_mode masquerade snat snat_ipv6 host_access host_ip default"
    same = {name: getattr(record, name) for name in names.split()}
    return {**same, "gateway_mode_ipv6": record.gateway_mode_ipv6 or record.gateway_mode}


def external(written: Written) -> NetworkSpec:
    """A network that others make; besides its name nothing may be said of it."""
    record, at = written.record, where(written.spot, written.path)
    for key in sorted(record.model_fields_set - {"external", "name"}):
        written.wrong((key,), f"`{key}` of an external network", "whoever made the network decides; remove the key")
    match record.name or written.key:
        case "bridge":
            return NetworkSpec(name=written.key, default=True, where=at)
        case "host" | "none" as driver:
            return NetworkSpec(name=written.key, driver=driver, where=at)
    return NetworkSpec(name=written.key, full_name=record.name, external=True, where=at)


def translated(written: Written, driver: str) -> tuple[dict[str, Any], dict[str, str]]:
    """`driver_opts` as fields of NetworkSpec, and as options of other drivers."""
    record, known = written.record, accepted(driver)
    fields: dict[str, Any] = {}
    options = {key: getattr(record, key) for key in ("parent",) if getattr(record, key)}
    options |= {key: "true" for key in ("encrypted", "multicast") if getattr(record, key)}
    for name, value in record.driver_opts.items():
        option = known.get(name)
        if option is None:
            if driver in OPTIONS:
                written.wrong(("driver_opts", name), f"driver {driver} has no option `{name}`", option_hint(name, driver))
            else:
                options[name] = value
        elif option.kind == "ignored":
            written.notes.append(f"networks.*.driver_opts.{name}: accepted, not used")
        else:
            place(option, converted(written, name, option, value), fields, options)
    return fields, options


def option_hint(name: str, driver: str) -> str:
    elsewhere = sorted(other for other in OPTIONS if other != driver and name in accepted(other))
    if elsewhere:
        return f"it is an option of {', '.join(elsewhere)}"
    return nearest(name, {n for option in OPTIONS[driver] for n in (option.docker or (option.key,))})


def place(option: Option, value: Any, fields: dict[str, Any], options: dict[str, str]) -> None:
    if value is None:
        return
    if option.key in NetworkSpec.__dataclass_fields__:
        fields[option.key] = value
    else:
        options[option.key] = value


def converted(written: Written, name: str, option: Option, text: str) -> Any:
    """The option's value in its type; None, and a mistake, where it has none."""
    try:
        match option.kind:
            case "bool" | "flag" if text.lower() in TRUE or (option.kind == "flag" and not text):
                return True if option.kind == "bool" else "true"
            case "bool" | "flag" if text.lower() in FALSE:
                return False if option.kind == "bool" else None
            case "bool" | "flag":
                written.wrong(("driver_opts", name), f"{text!r} is neither true nor false")
                return None
            case "mtu":
                return None if text in ("", "0") else mtu(text)
            case "address":
                return "" if text == "0.0.0.0" else address(text)
            case "mode" if text not in GATEWAY_MODES:
                written.wrong(("driver_opts", name), f"{text!r} is no gateway mode", nearest(text, GATEWAY_MODES))
                return None
            case "ifname" if not IFNAME.fullmatch(text):
                written.wrong(("driver_opts", name), f"{text!r} is no interface name", "at most 15 letters and digits")
                return None
    except PydanticCustomError as error:
        context = error.context or {}
        written.wrong(("driver_opts", name), context["message"], context["hint"])
        return None
    return text


def subnets(written: Written, ipv6: bool) -> tuple[SubnetSpec, ...]:
    """The subnets of the families that are on."""
    ipam = written.record.ipam
    if ipam is None:
        return ()
    if ipam.driver not in ("default", ""):
        written.wrong(("ipam", "driver"), f"unknown IPAM driver `{ipam.driver}`", "there are: default")
    found = []
    for index, config in enumerate(ipam.config):
        at = where(locate(written.node, ("ipam", "config", index, "subnet")), f"{written.path}.ipam.config[{index}]")
        if not config.subnet:
            if config.model_fields_set:
                written.wrong(("ipam", "config", index), "`subnet` is missing", "add `subnet:`")
            continue
        if ":" in config.subnet and not ipv6:
            written.notes.append(f"{at}: the subnet is not used, since `enable_ipv6` is off")
            continue
        found.append(
            SubnetSpec(
                subnet=config.subnet,
                ip_range=config.ip_range,
                gateway=config.gateway,
                aux_addresses=config.aux_addresses,
                where=at,
            )
        )
    return tuple(found)
