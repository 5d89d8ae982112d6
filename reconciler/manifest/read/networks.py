"""A network as written becomes a NetworkSpec; Docker's names of options are translated here."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, NamedTuple

from ...mistakes import NotYet
from ..compose.files import Inputs
from ..model.fields import message_and_hint
from ..model.keys import from_record, keys
from ..model.pydantics_core import PydanticCustomError
from ..options import COMMON, Described, Option, accepted, described, usable
from ..reserved import assignable, is_part
from ..spec import LEAST_IPV6_MTU, NetworkSpec, SubnetSpec
from ..yaml.node import Node, Place, dotted, locate, where
from . import conflist
from .options import option_hint, value_of

if TYPE_CHECKING:
    from ..model.top import IpamConfig, NetworkRecord

DEFAULT = "bridge"  # Docker's word for it is `default` too
PREDEFINED = {
    spec.name: spec
    for spec in (
        NetworkSpec(name="bridge", default=True),
        NetworkSpec(name="host", driver="host"),
        NetworkSpec(name="none", driver="none"),
    )
}
# What an option can set; a driver may call one of its own like any other key.
FIELDS = {*keys(NetworkSpec), "gateway_mode_ipv6", "container_prefix"}
FIELDS -= {"driver", "external", "attachable", "labels", "allow_networks"}


class WrittenNetwork(NamedTuple):
    """A network's key, node and record, and where to tell mistakes."""

    key: str
    node: Node
    spot: Place
    record: "NetworkRecord"
    inputs: Inputs

    @property
    def path(self) -> str:
        return f"networks.{self.key}"

    def wrong(self, steps: tuple[str | int, ...], message: str, hint: str = "") -> None:
        path = dotted(("networks", self.key, *steps))
        self.inputs.mistakes.at(locate(self.node, steps) if steps else self.spot, path, message, hint)


def spec_of(written: WrittenNetwork) -> NetworkSpec:
    record, at = written.record, where(written.spot, written.path)
    spec = from_record(NetworkSpec, record, name=written.key, full_name=record.name, where=at)
    if spec.external:
        return external(written, spec)
    name = DEFAULT if spec.driver in ("", "default") else spec.driver
    driver = described(written.inputs.drivers, name)
    fields, options = translated(written, name, driver)
    fields = {"gateway_mode_ipv6": record.gateway_mode_ipv6 or spec.gateway_mode} | fields
    scope = record.scope or (driver.scope if driver else spec.scope)
    config = config_of(written, driver)
    spec = replace(spec, driver=name, scope=scope, options=options, config=config, **fields)
    refuse_narrow(written, spec)
    if not (driver and driver.configured):  # of the plugins of CNI some give no addresses
        refuse_no_family(written, spec)
    spec = replace(spec, subnets=subnets(written, spec))
    refuse_edges(written, spec)
    return spec


def config_of(written: WrittenNetwork, driver: Described | None) -> str:
    if driver and driver.configured and written.record.config is None:
        hint = "write `config:`, a configuration list of CNI or the path of a file with one"
        written.wrong((), "`config` is missing", hint)
    elif driver and not driver.configured and written.record.config is not None:
        others = ", ".join(name for name, one in usable(written.inputs.drivers) if one.configured)
        written.wrong(("config",), "its driver takes no `config`", f"`driver: {others}` does")
    elif written.record.config is not None:
        at = where(locate(written.node, ["config"]), f"{written.path}.config")
        return conflist.text_of(written.record.config, written.inputs, written.wrong, at)
    return ""


def refuse_narrow(written: WrittenNetwork, spec: NetworkSpec) -> None:
    """A link whose MTU is less has no IPv6, whatever its sysctls say (addrconf_notify)."""
    if spec.enable_ipv6 and isinstance(spec.mtu, int) and spec.mtu < LEAST_IPV6_MTU:
        message = f"mtu {spec.mtu} is too small for IPv6"
        written.wrong(said_at(written, "mtu"), message, f"at least {LEAST_IPV6_MTU}")


def refuse_no_family(written: WrittenNetwork, spec: NetworkSpec) -> None:
    """As Docker does; on a host's own network, and on none, nobody gets an address from here."""
    if not (spec.enable_ipv4 or spec.enable_ipv6 or spec.driver in ("host", "none")):
        message = "neither IPv4 nor IPv6 is enabled: nobody on the network can have an address"
        hint = "set `enable_ipv6: true`, or leave `enable_ipv4` out"
        written.wrong(said_at(written, "enable_ipv4"), message, hint)


def said_at(written: WrittenNetwork, key: str) -> tuple[str, ...]:
    """Where that is said, as a key or as an option."""
    names = (name for name, option in accepted(COMMON).items() if option.key == key)
    option = next((name for name in names if name in written.record.driver_opts), "")
    return ("driver_opts", option) if option else (key,)


def refuse_edges(written: WrittenNetwork, spec: NetworkSpec) -> None:
    """The host on a LAN is one more machine of it."""
    prefixes = [ip_network(subnet.subnet) for subnet in spec.subnets]
    for ip in map(ip_address, filter(None, spec.host_access.split(",")) if spec.host_access != "all" else ()):
        homes = (prefix for prefix in prefixes if ip in prefix)
        if home := next((home for home in homes if int(ip) not in assignable(home)), None):
            written.wrong(("host_access",), f"{ip} is no host's address in {home}", "take another")


def external(written: WrittenNetwork, spec: NetworkSpec) -> NetworkSpec:
    """A network that others make; besides its name nothing may be said of it."""
    for key in sorted(written.record.model_fields_set - {"external", "name"}):
        written.wrong(
            (key,), f"`{key}` of an external network", "whoever made the network decides; remove the key"
        )
    docker = PREDEFINED.get(spec.full_name or spec.name)
    if docker:
        return replace(docker, name=spec.name, where=spec.where)
    return NetworkSpec(name=spec.name, full_name=spec.full_name, external=True, where=spec.where)


def translated(
    written: WrittenNetwork, driver: str, by: Described | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """`driver_opts` as fields of NetworkSpec, and as options of the driver's own; of one that is not here,
    whatever all drivers have not."""
    record, known = written.record, accepted(by.options if by else COMMON)
    fields: dict[str, Any] = {}
    options = {"parent": record.parent} if record.parent else {}
    options |= {key: "true" for key in ("encrypted", "multicast") if getattr(record, key)}
    for name, text in record.driver_opts.items():
        option = known.get(name)
        if option is not None:
            value = converted(written, name, option, text)
            target = fields if option.key in FIELDS else options
            target |= {option.key: value} if value is not None else {}
        elif by is None:
            options[name] = text
        else:
            hint = option_hint(name, by.options, written.inputs.drivers)
            written.wrong(("driver_opts", name), f"driver {driver} has no option `{name}`", hint)
    return fields, options


def converted(written: WrittenNetwork, name: str, option: Option, text: str) -> Any:
    """The option's value in its type; None where it has none, or where it is a mistake."""
    if option.kind == "ignored":
        written.inputs.notes.append(f"networks.*.driver_opts.{name}: accepted, not used")
        return None
    try:
        return value_of(option, text)
    except PydanticCustomError as error:
        written.wrong(("driver_opts", name), *message_and_hint(error))
        return None


def subnets(written: WrittenNetwork, network: NetworkSpec) -> tuple[SubnetSpec, ...]:
    """The subnets of the families that are on."""
    ipam = written.record.ipam
    if ipam is None:
        return ()
    if ipam.driver == "dhcp":
        hint = "write a `subnet`, and as `ip_range` a part of it that the DHCP server leaves alone"
        at = where(locate(written.node, ("ipam", "driver")), f"{written.path}.ipam.driver")
        written.inputs.mistakes.append(NotYet("addresses by DHCP are not supported yet", hint, at))
    elif ipam.driver not in ("default", ""):
        written.wrong(("ipam", "driver"), f"unknown IPAM driver `{ipam.driver}`", "there are: default")
    return tuple(
        subnet
        for index, config in enumerate(ipam.config)
        for subnet in subnet_specs(written, index, config, network)
    )


def subnet_specs(
    written: WrittenNetwork, index: int, config: "IpamConfig", network: NetworkSpec
) -> Iterator[SubnetSpec]:
    """The one entry of `ipam.config`, or nothing where it counts for nothing."""
    steps = ("ipam", "config", index)
    at = where(locate(written.node, (*steps, "subnet")), dotted(("networks", written.key, *steps)))
    if not config.subnet:
        if config.model_fields_set:
            written.wrong((*steps, "subnet"), "`subnet` is missing", "add `subnet:`")
    elif not (network.enable_ipv6 if ":" in config.subnet else network.enable_ipv4):
        key = "enable_ipv6" if ":" in config.subnet else "enable_ipv4"
        written.inputs.notes.append(f"{at}: the subnet is not used, since `{key}` is off")
    else:
        spec = from_record(SubnetSpec, config, subnet=config.subnet, where=at)
        aside = {name: ip for name, ip in spec.aux_addresses.items() if ip}
        spec = replace(spec, aux_addresses=aside)
        outside(written, steps, spec)
        yield spec


def outside(written: WrittenNetwork, steps: tuple[str | int, ...], spec: SubnetSpec) -> None:
    """What is said of a subnet must lie in it."""
    prefix = ip_network(spec.subnet)
    named: dict[tuple[str, ...], str] = {("ip_range",): spec.ip_range, ("gateway",): spec.gateway}
    named |= {("aux_addresses", name): ip for name, ip in spec.aux_addresses.items()}
    for key, value in named.items():
        other = ip_network(value) if value else prefix
        if not is_part(other, prefix):
            hint = f"take one of {prefix[0]} to {prefix[-1]}"
            written.wrong((*steps, *key), f"{key[-1]} {value} is outside {prefix}", hint)
        elif (
            key == ("gateway",) and prefix.version == 4 and value and int(other[0]) not in assignable(prefix)
        ):
            written.wrong((*steps, *key), f"{value} is no host's address in {prefix}", "take another")
