"""Who is meant by the sentences of `expect:`, on this host."""

from collections.abc import Iterable, Iterator

from ..manifest.policy import PeerSpec
from ..manifest.spec import Manifest
from .bounds import HOST_PEER, OUTSIDE, is_meant
from .endpoint import SandboxSpec
from .hosts import sandboxes_of
from .topology import Expected, Topology


def expected(manifest: Manifest, topology: Topology) -> Iterator[Expected]:
    """One of whom nobody is here is another host's to keep."""
    here = {one.name for one in topology.sandboxes}
    for project in (project for project in manifest.projects if project.expect):
        own = [one for one in sandboxes_of(project) if one.name in here]
        for spec in project.expect:
            sources, targets = (tuple(meant(peer, own)) for peer in (spec.source, spec.target))
            if sources and targets:
                yield Expected(project.name, spec, sources, targets)


def meant(peer: PeerSpec, own: Iterable[SandboxSpec]) -> Iterator[str]:
    if peer.kind in (HOST_PEER, OUTSIDE):
        yield peer.kind
    elif peer.kind == "prefix":
        yield peer.name.partition("/")[0]
    else:
        for one in own:
            if is_meant(peer, one.spec, [end.network for end in one.endpoints]):
                yield one.name
