"""The types of single values, by the names that the keys of spec.py have for them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from . import amounts, fields, limits, port_syntax

WHOLE = BeforeValidator(amounts.whole)
TEXT = BeforeValidator(fields.not_a_number, json_schema_input_type=str)

Scalar = Annotated[str, BeforeValidator(fields.text, json_schema_input_type=str | int | float | bool | None)]
Name = Annotated[str, TEXT, AfterValidator(fields.name)]
Ifname = Annotated[str, TEXT, AfterValidator(fields.ifname)]
HostName = Annotated[str, TEXT, AfterValidator(fields.host_name)]
Alias = Annotated[str, TEXT, AfterValidator(fields.alias)]
Linked = Annotated[str, AfterValidator(amounts.linked)]
Link = Annotated[str, AfterValidator(fields.link)]
Word = Annotated[str, AfterValidator(fields.word)]

Address = Annotated[str, AfterValidator(fields.address)]
Unicast = Annotated[str, AfterValidator(fields.unicast)]
Bindable = Annotated[str, AfterValidator(fields.bindable)]
Reachable = Annotated[str, AfterValidator(fields.reachable)]
LinkLocal = Annotated[str, AfterValidator(fields.link_local)]
Server = Annotated[str, AfterValidator(fields.server)]
ServerOrOff = Annotated[str, AfterValidator(fields.server_or_off)]
HostAccess = Annotated[str, AfterValidator(fields.host_access)]
Address4 = Annotated[str, AfterValidator(fields.address4)]
Address6 = Annotated[str, AfterValidator(fields.address6)]
Reachable6 = Annotated[Address6, AfterValidator(fields.reachable)]
Prefix = Annotated[str, AfterValidator(fields.prefix)]
Subnet = Annotated[str, AfterValidator(fields.subnet)]
Source = Annotated[str, AfterValidator(limits.source)]
PrefixLength = Annotated[int, Field(ge=1, le=126), WHOLE]
Mac = Annotated[str, AfterValidator(fields.mac)]
Mtu = Annotated[int | str, BeforeValidator(fields.mtu, json_schema_input_type=int | str)]
Int = Annotated[int, WHOLE]
Natural = Annotated[int, Field(ge=0), WHOLE]
Replicas = Annotated[int, Field(ge=0, le=65536), WHOLE]
Vlan = Annotated[int, Field(ge=1, le=4094), WHOLE]
Asn = Annotated[int, Field(ge=1, le=65534), WHOLE]
PublicKey = Annotated[str, AfterValidator(fields.public_key)]
Bits = Annotated[str, AfterValidator(fields.bandwidth)]
Rate = Annotated[str, AfterValidator(limits.rate)]
Hours = Annotated[str, AfterValidator(limits.hours)]
Count = Annotated[int, Field(ge=0, le=100_000_000), WHOLE]
NetworkMode = Annotated[str, AfterValidator(fields.network_mode)]
Metadata = Literal["allow", "deny"]
GatewayMode = Literal["nat", "routed", "nat-unprotected", "isolated"]

Target = Annotated[tuple[int, int], BeforeValidator(port_syntax.target, json_schema_input_type=int | str)]
Published = Annotated[
    tuple[int, int] | None, BeforeValidator(port_syntax.published, json_schema_input_type=int | str | None)
]
HostIp = Annotated[str, BeforeValidator(port_syntax.host_ip, json_schema_input_type=str)]
Protocol = Annotated[
    str,
    BeforeValidator(port_syntax.protocol, json_schema_input_type=str),
    Field(json_schema_extra={"enum": list(port_syntax.PROTOCOLS)}),
]
PortMode = Literal["ingress", "host"]
WeightKey = Annotated[str, AfterValidator(fields.weight_key)]
Weight = Annotated[int, Field(ge=0, le=256), WHOLE]  # as HAProxy's
PortNumber = Annotated[int, Field(ge=1, le=65535), WHOLE]
Exposed = Annotated[str, BeforeValidator(port_syntax.exposed, json_schema_input_type=str | int)]

Restart = Annotated[str, AfterValidator(amounts.restart)]
PullPolicy = Annotated[
    Literal["always", "missing", "never", "build"],
    BeforeValidator(amounts.pull_policy, json_schema_input_type=str),
    Field(json_schema_extra={"enum": ["always", "missing", "if_not_present", "never", "build"]}),
]
Size = Annotated[int, BeforeValidator(amounts.size, json_schema_input_type=int | str)]
SizeOrNone = Annotated[int, BeforeValidator(amounts.size_or_none, json_schema_input_type=int | str)]
Seconds = Annotated[float, BeforeValidator(amounts.duration, json_schema_input_type=str)]
Mode = Annotated[int, BeforeValidator(amounts.mode, json_schema_input_type=int | str)]
Cpus = Annotated[float, Field(ge=0, le=65536, allow_inf_nan=False)]
Words = Annotated[tuple[Scalar, ...], BeforeValidator(amounts.words, json_schema_input_type=str | list[str])]
Inside = Annotated[str, AfterValidator(amounts.inside)]
