"""The manifests that several modules start from."""

import json
from typing import Any

WEB = """
name: t
networks:
  n: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
containers:
  web: {networks: [n], ports: ['8080:80']}
  db: {networks: [n]}
"""
MORE = WEB + "  cache: {networks: [n]}\n"
BROKEN = WEB + "  bad: {networks: [n], sysctls: {net.ipv4.tcp_keepalive_time: many}}\n"
OTHER = WEB.replace("name: t", "name: o").replace("91", "95").replace("8080", "8081")  # beside it
PAIR = """
name: t
networks:
  front: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
containers:
  a: {networks: {front: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2', mac_address: '02:00:00:00:00:0a'}}}
  b: {networks: {front: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3'}}}
"""
SUBNET = "ipam: {config: [{subnet: 10.91.0.0/24}]}"


def network(options: str = "", containers: str = "a: {networks: [n]}, b: {networks: [n]}") -> str:
    """One IPv4 network `n` with these options."""
    return f"{{name: t, networks: {{n: {{{options}}}}}, containers: {{{containers}}}}}"


def web(*ports: object, more: str = "", network: str = "enable_ipv6: true") -> str:
    """One container `t-web` that publishes."""
    return f"""
name: t
networks: {{n: {{{network}}}}}
containers:
  web: {{networks: [n], ports: {json.dumps(ports)}}}
{more}"""


def members(containers: dict[str, Any] | int, *subnets: dict[str, Any], **options: Any) -> dict[str, Any]:
    """One network `n`; `containers` is a number, or what each says of its endpoint."""
    if isinstance(containers, int):
        containers = {f"c{i}": {} for i in range(containers)}
    ipam = {"ipam": {"config": list(subnets)}} if subnets else {}
    return {
        "name": "t",
        "networks": {"n": {**ipam, **options}},
        "containers": {name: {"networks": {"n": end}} for name, end in containers.items()},
    }
