"""What the manifests of a run are the whole truth of, given what stands and which folders it stands from."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from .core.resource import State
from .family import family
from .inventory import ownership
from .inventory.facts import Claim, Facts
from .manifest.sources import Source
from .manifest.spec import Manifest, ProjectSpec


def sources_of(manifest: Manifest) -> tuple[Source, ...]:
    """Where it is from; of revisions of 0.2 only a folder that was named alone is known."""
    alone = Source(path=manifest.root, names=(manifest.root,), whole=True)
    return manifest.sources or (alone,) * bool(manifest.root)


def source(manifest: Manifest, project: ProjectSpec) -> Source:
    """Where one of its projects is from; without a name where nothing tells."""
    path = project.path or manifest.root
    return next((one for one in sources_of(manifest) if one.path == path), Source())


def whole_truth(manifest: Manifest, live: State) -> Manifest:
    """The manifest, with the projects last applied from its folders that have left these: empty."""
    named = {project.name for project in manifest.projects}
    left: dict[str, str] = {}
    for one in sources_of(manifest) if not manifest.partial else ():
        if one.whole:
            gone = ownership.applied_from(live, one.names) - named
            left |= dict.fromkeys(gone, one.path)
    emptied = (empty(name, path) for name, path in sorted(left.items()))
    return replace(manifest, projects=(*manifest.projects, *emptied))


def at_home(facts: Facts, manifest: Manifest, live: State) -> Facts:
    """The facts, with the folders that the manifest's projects are of, and others that they stand from."""
    stood = ownership.roots(live)
    roots, elsewhere = {}, {}
    for project in manifest.projects:
        one, before = source(manifest, project), stood.get(project.name, "")
        root = ownership.root_of(project.name, before, one.names, whole=one.whole)
        if root is None:
            elsewhere[project.name] = (before, one.names[0])
            root = one.names[0] if one.whole else ""
        roots[project.name] = root
    return replace(facts, roots=roots, elsewhere=elsewhere)


def around(facts: Facts, waiting: Iterable[ProjectSpec]) -> Facts:
    """The facts, with what these projects write, so that nobody has it when they come."""
    subnets, claims = set[str](), list[Claim]()
    for project in waiting:
        subnets |= {one.subnet for network in project.networks for one in network.subnets}
        ports = (port for container in project.containers for port in container.ports if port.published)
        for port in ports:
            first, last = port.published or (0, 0)
            families = (family(port.host_ip),) if port.host_ip else (4, 6)
            claims += (Claim(project.name, one, port.host_ip, port.protocol, first, last) for one in families)
    return replace(facts, routes=facts.routes | subnets, claims=(*facts.claims, *claims))


def there(manifest: Manifest, live: State) -> Manifest:
    """The manifest, with its folders where another machine has them: paths of this one say nothing of it.  A
    folder that nothing there stands from by name is the one that most of its projects stand from."""
    stood = ownership.roots(live)

    def roots(one: Source) -> list[str]:
        return [stood.get(project.name, "") for project in manifest.projects if project.path == one.path]

    return replace(manifest, sources=tuple(known_there(one, roots(one)) for one in manifest.sources))


def known_there(one: Source, roots: Sequence[str]) -> Source:
    by_path = [root for root in roots if root.startswith(("/", "sha256."))]
    likely = by_path if one.portable else [root for root in roots if root]
    if not likely or not {*one.names}.isdisjoint(roots):
        return one
    return replace(one, names=(max(sorted({*likely}), key=likely.count),))


def empty(project: str, path: str = "") -> ProjectSpec:
    """A project of which nothing is wanted, from this source."""
    return ProjectSpec(name=project, path=path)


def destruction(manifest: Manifest, names: frozenset[str]) -> Manifest:
    """The manifest that wants nothing of these projects, wherever they stand from, or of all of its own."""
    named = [empty(name) for name in sorted(names)]
    said = [replace(empty(p.name, p.path), where=p.where) for p in manifest.projects]
    return Manifest(projects=tuple(named or said), sources=sources_of(manifest), partial=bool(names))
