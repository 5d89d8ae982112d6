"""What a watcher has counted, in the text format of Prometheus: a file for the node exporter."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .. import disk
from ..core.resource import Key
from ..drivers.overlay.hearsay import discrepancies
from ..kernel.chaos import Counts
from ..kernel.lock import RUN
from ..kernel.nft.counters import ContainerPort, Traffic, traffic
from ..kernel.observe.evpn import announced_routes
from ..kernel.observe.peers import peers
from ..kernel.resolvers import runs
from ..kinds.namespace import Namespace
from ..kinds.nft import Element
from ..kinds.published import Flow
from ..kinds.resolver import Resolver
from ..kinds.workload import HEALTHY, RUNNING, Workload
from .answering import Answering
from .repair import RepairLoop
from .status import SUSPENDED, Status, Tally

FILE = f"{RUN}/metrics.prom"
Tallied = Mapping[tuple[str, str, str], int]  # by project, container and what refused
OF_PORTS = (
    ("connections", "connections that were made through a published port"),
    ("received_bytes", "what the container received through it"),
    ("sent_bytes", "what the container sent through it"),
)
OF_NAMES = (
    ("hits", "questions that were answered with what is known here"),
    ("misses", "questions that were forwarded"),
    ("insertions", "answers of others that were kept"),
    ("evictions", "answers of others that made way before their time"),
)
OF_SERVERS = (
    ("queries", "what a name server of others was asked"),
    ("failures", "what it did not answer, or refused"),
)


def publish(status: Status, repair: RepairLoop, counts: Mapping[Key, Counts], drops: Tallied) -> None:
    """Whole or not at all."""
    standing = status.standing
    ports, names = of_ports(standing, traffic()), of_names(standing.answering.values(), counts)
    rest = *of_peers(status), *of_containers(status.containers), *of_drops(drops)
    text = "".join([*lines(status, repair), *ports, *names, *rest])
    disk.write(FILE, text.encode(), 0o644)


def lines(status: Status, repair: RepairLoop) -> Iterator[str]:
    rows: Sequence[tuple[str, str, str, float]] = (
        ("in_sync", "gauge", "1 while the host is as the newest revision says", status.outcome.in_sync),
        ("suspended", "gauge", "1 while nothing is applied", os.path.exists(SUSPENDED)),
        ("turns_total", "counter", "looks at the host", status.turns),
        ("applies_total", "counter", "applies that went through", status.applies),
        ("failures_total", "counter", "turns that ended with an error", status.failures),
        ("drift_healed_total", "counter", "things that were put right", status.healed),
        ("apply_seconds_total", "counter", "time spent in applies", status.seconds),
        ("last_apply_seconds", "gauge", "duration of the last apply", status.last_seconds),
        ("last_apply_time_seconds", "gauge", "when that was", status.last_apply or 0),
        ("warnings", "gauge", "what is told of the host and holds up nothing", len(status.warnings)),
        ("waiting_projects", "gauge", "projects that the host has no way for now", len(status.waiting)),
        ("fights", "gauge", "things that another program keeps changing back", len(repair.fights.repeated())),
    )
    for name, kind, words, value in rows:
        yield from head(name, kind, words)
        yield f"reconciler_{name} {float(value):g}\n" if value < 1e6 else f"reconciler_{name} {value:.3f}\n"
    yield from head("objects", "gauge", "what is ours in the kernel")
    for noun, count in sorted(status.standing.owned.items()):
        yield f'reconciler_objects{{kind="{noun}"}} {count}\n'


def head(name: str, kind: str, words: str) -> Iterator[str]:
    yield f"# HELP reconciler_{name} {words}\n"
    yield f"# TYPE reconciler_{name} {kind}\n"


def of_ports(standing: Tally, counts: Mapping[ContainerPort, Traffic]) -> Iterator[str]:
    """A port that somebody uses; it appears with its first connection."""
    published = published_ports(standing.elements) if counts else {}
    homes, live = standing.homes, standing.live.values() if counts else ()
    projects = {r.name: r.project for r in live if isinstance(r, Namespace)}
    for number, (name, words) in enumerate(OF_PORTS):
        yield from head(f"port_{name}_total", "counter", words)
        for end, counted in sorted(counts.items()):
            labels = {
                "project": projects.get(homes.get(end.ip, ""), ""),
                "sandbox": homes.get(end.ip, ""),
                "address": end.ip,
                "protocol": end.protocol,
                "port": end.port,
                "published": " ".join(ways_to(end, published.get((end.protocol, end.ip), ()))),
            }
            text = ",".join(f'{label}="{value}"' for label, value in labels.items())
            yield f"reconciler_port_{name}_total{{{text}}} {counted[number]}\n"


def of_containers(known: Iterable[Workload]) -> Iterator[str]:
    """What engines run, and how those do whose health somebody tests."""
    found = sorted(known, key=lambda r: r.key)
    labels = {r.key: f'project="{r.project}",container="{r.name}",engine="{r.engine}"' for r in found}
    yield from head("container_up", "gauge", "1 while it runs as it should")
    yield from (f"reconciler_container_up{{{labels[r.key]}}} {int(r.state == RUNNING)}\n" for r in found)
    yield from head("container_healthy", "gauge", "1 while its test passes")
    tested = (r for r in found if r.health)
    yield from (
        f"reconciler_container_healthy{{{labels[r.key]}}} {int(r.health == HEALTHY)}\n" for r in tested
    )


def of_drops(drops: Tallied) -> Iterator[str]:
    """By whom it is refused, egress, ingress, metadata or other; no more than NFLOG tells."""
    yield from head("drops_total", "counter", "what was refused and told, by `log: true`")
    for (project, container, by), count in sorted(drops.items()):
        labels = f'project="{project}",sandbox="{container}",by="{by}"'
        yield f"reconciler_drops_total{{{labels}}} {count}\n"


def of_names(known: Iterable[Answering], counts: Mapping[Key, Counts]) -> Iterator[str]:
    """Who answers for names, and what he has counted, as far as he was asked."""
    labels = {one.resolver: labels_of(one.resolver) for one in known}
    yield from head("resolver_up", "gauge", "1 while it runs")
    for resolver, text in labels.items():
        yield f"reconciler_resolver_up{{{text}}} {int(runs(resolver))}\n"
    said = [(text, counts[resolver.key]) for resolver, text in labels.items() if resolver.key in counts]
    for number, (name, words) in enumerate(OF_NAMES):
        yield from head(f"resolver_{name}_total", "counter", words)
        yield from (f"reconciler_resolver_{name}_total{{{text}}} {one[number]}\n" for text, one in said)
    for number, (name, words) in enumerate(OF_SERVERS, start=1):
        yield from head(f"resolver_server_{name}_total", "counter", words)
        for text, one in said:
            for row in one.servers:
                whole = f'{text},server="{row.server}"'
                yield f"reconciler_resolver_server_{name}_total{{{whole}}} {row[number]}\n"


def labels_of(resolver: Resolver) -> str:
    networks = " ".join(resolver.networks)
    return f'project="{resolver.project}",view="{resolver.name}",networks="{networks}"'


def of_peers(status: Status) -> Iterator[str]:
    """Other hosts, by WireGuard and by BGP, and whether they tell what is declared."""
    known = [
        (f'{{project="{p.project}",by="{p.by}",peer="{p.peer}"}}', p) for p in peers(status.standing.hearing)
    ]
    yield from head("peer_up", "gauge", "1 while there is a session with another host")
    yield from (f"reconciler_peer_up{labels} {int(peer.up)}\n" for labels, peer in known)
    yield from head("peer_seen_time_seconds", "gauge", "the last handshake, or since when the session stands")
    yield from (f"reconciler_peer_seen_time_seconds{labels} {peer.at}\n" for labels, peer in known)
    if change := status.outcome.change:
        yield from head("evpn_differences", "gauge", "what other hosts tell that is not as declared")
        yield f"reconciler_evpn_differences {len(discrepancies(change.topology, announced_routes))}\n"


def published_ports(elements: Iterable[Element]) -> dict[tuple[str, str], set[tuple[Flow, str]]]:
    """The published ports by where they lead, each with the container's port, "" for that of the host."""
    found: dict[tuple[str, str], set[tuple[Flow, str]]] = defaultdict(set)
    for r in elements:
        if flow := r.flow:
            ip, _, port = r.value.partition(" . ")
            found[flow.protocol, ip].add((flow, port))
    return found


def ways_to(end: ContainerPort, published: Iterable[tuple[Flow, str]]) -> Iterator[str]:
    """The host's addresses and ports that lead to a container's."""
    for flow, port in sorted(published):
        number = flow.first if port else end.port
        if (not port and flow.first <= number <= flow.last) or port == str(end.port):
            ip = flow.ip or ("0.0.0.0" if flow.family == 4 else "::")
            yield f"[{ip}]:{number}" if flow.family == 6 else f"{ip}:{number}"
