"""A topology for people and for scripts: what was decided, before the kernel comes into it."""

import json
from collections.abc import Iterator, Sequence

from ..cnm.shares import part_of
from ..cnm.topology import Endpoint, Network, Port, Sandbox, Subnet, Topology
from .options import EXPORTS, Options
from .session import comparison, machine, note, tell, tell_who_waits


def show(options: Options) -> int:
    change = comparison(options, machine(options))
    topology = change.topology
    tell(options, text := in_form(options.output, topology), end="")
    if options.output in EXPORTS and not text:
        note(options, "podman runs none of these: --runtime podman, or `runtime:` in the manifest")
    tell_who_waits(change)
    return 0


def in_form(output: str, topology: Topology) -> str:
    if output == "json":
        return json.dumps(as_json(topology), indent=1)
    if output in EXPORTS:
        from ..engines import export

        write = export.quadlets if output == "quadlet" else export.command_lines
        return "".join(f"{text}\n" for text in write(topology.tasks))
    return as_text(topology)


def as_text(topology: Topology) -> str:
    return "".join(f"{row}\n" for row in rows(topology))


def rows(topology: Topology) -> Iterator[str]:
    ports: dict[str, list[Port]] = {}
    for port in topology.ports:
        ports.setdefault(port.sandbox, []).append(port)
    for network in topology.networks:
        flags = " internal" * network.spec.internal + " external" * network.external
        subnets, gateways = (" ".join(filter(None, words)) for words in columns(network.subnets))
        yield f"network {network.name}  {network.spec.driver} {network.carrier}  {subnets}{flags}"
        yield f"  id {network.id[:12]}  mtu {network.mtu}  gateway {gateways}"
        for one in network.per_host.elsewhere if network.per_host else ():
            yield f"  {one.cidr} via {one.via}  on {one.host}"
        for endpoint in network.endpoints:
            leads = "  default route" if endpoint.gateways else ""
            ips = " ".join(ip for ip, _ in endpoint.addresses)
            yield f"  {endpoint.sandbox} {endpoint.ifname}  {ips}  {endpoint.mac}{tags(endpoint)}{leads}"
    for sandbox in topology.sandboxes:
        yield f"sandbox {sandbox.name}  {path(sandbox) or f'link {sandbox.handed}'}"
        yield from dict.fromkeys(f"  {published(port)}" for port in ports.get(sandbox.name, []))


def tags(endpoint: Endpoint) -> str:
    untagged = f"  vlan {endpoint.vlan}" * (endpoint.vlan > 1)
    return untagged + f"  trunk {','.join(map(str, endpoint.trunk))}" * bool(endpoint.trunk)


def columns(subnets: Sequence[Subnet]) -> tuple[list[str], list[str]]:
    return [subnet.cidr for subnet in subnets], [subnet.gateway for subnet in subnets]


def published(port: Port) -> str:
    def span(first: int) -> str:
        return str(first) if port.count == 1 else f"{first}-{first + port.count - 1}"

    host = (
        f"[{port.host_ip}]"
        if ":" in port.host_ip
        else port.host_ip or ("0.0.0.0" if port.family == 4 else "[::]")
    )
    ip = f"[{port.ip}]" if port.family == 6 else port.ip
    leads = "" if port.routed else f" -> {ip}:{span(port.target)}"
    whole = "clients" if port.by_client else "connections"
    part = f"  {part_of(port.share):.0%} of {whole}" if port.share else ""
    limits = f"  {port.limits.words}" if port.limits else ""
    return f"{host}:{span(port.first)}/{port.protocol}{leads}{part}{limits}"


def path(sandbox: Sandbox) -> str:
    """ "" where it is another's who has told no path."""
    return "" if sandbox.handed else f"/run/netns/{sandbox.name}"


def as_json(topology: Topology) -> dict[str, object]:
    return {
        "schema_version": 1,
        "projects": list(topology.projects),
        "networks": [network_json(network) for network in topology.networks],
        "sandboxes": [{"name": s.name, "project": s.project, "path": path(s)} for s in topology.sandboxes],
        "ports": [
            {
                "sandbox": p.sandbox,
                "protocol": p.protocol,
                "host_ip": p.host_ip,
                "first": p.first,
                "count": p.count,
                "ip": p.ip,
                "target": p.target,
                "share": round(part_of(p.share), 4) if p.share else 1,
            }
            for p in topology.ports
        ],
    }


def network_json(network: Network) -> dict[str, object]:
    return {
        "name": network.name,
        "id": network.id,
        "project": network.project,
        "driver": network.spec.driver,
        "scope": network.spec.scope,
        "bridge": network.bridge,
        **{"parent": "", "vni": None, "encrypted": False, **network.carrier.details},
        "mtu": network.mtu,
        "internal": network.spec.internal,
        "slices": [one._asdict() for one in network.per_host.parts] if network.per_host else [],
        "subnets": [{"subnet": s.cidr, "gateway": s.gateway} for s in network.subnets],
        "endpoints": [
            {
                "sandbox": e.sandbox,
                "interface": e.ifname,
                "mac": e.mac,
                "addresses": [f"{ip}/{prefix}" for ip, prefix in e.addresses],
                "gateways": [gateway for gateway, _ in e.gateways],
            }
            for e in network.endpoints
        ],
    }
