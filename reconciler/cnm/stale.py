"""Whether addresses.lock has all that hosts must agree on."""

from ..core.render import number
from ..errors import ManifestErrors
from ..manifest.spec import Manifest, ProjectSpec
from ..manifest.store import lockfile
from ..mistakes import WrongLock
from .topology import Topology


def refuse_stale(manifest: Manifest, topology: Topology) -> None:
    """Raise ManifestErrors: hosts must not decide for themselves what they have to agree on."""
    locked = set(manifest.lock.splitlines())
    left = [line for line in lockfile.lines(topology.lock) if line not in locked]
    lacking = {line.split()[0] for line in left}
    mistakes = []
    for project in manifest.projects:
        own = {network.name for network in topology.networks if network.project == project.name}
        if rows := [line for line in left if line.split()[0] in own] if own & lacking else ():
            words = f"{lockfile.NAME} is stale: it lacks {number(len(rows), 'line')}, first {min(rows)}"
            mistakes.append(WrongLock(words, hint(project), project.where))
    if mistakes:
        raise ManifestErrors(mistakes)


def hint(project: ProjectSpec) -> str:
    if any(spec.files_say is not None for spec in project.containers):
        return "run `reconcile --lock` with the same PATHs and --scale, and give all hosts both"
    return "run `reconcile --lock` with the same PATHs, and commit the file"
