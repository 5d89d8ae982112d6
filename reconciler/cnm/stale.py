"""Whether addresses.lock has all that hosts must agree on."""

from ..errors import ManifestError, ManifestErrors
from ..manifest.spec import Manifest
from ..manifest.store import lockfile
from .topology import Topology


def refuse_stale(manifest: Manifest, topology: Topology) -> None:
    """Raise ManifestErrors: hosts must not decide for themselves what they have to agree on."""
    locked = set(manifest.lock.splitlines())
    left = [line for line in lockfile.lines(topology.lock) if line not in locked]
    lacking = {line.split()[0] for line in left}
    hint = "run `reconcile --lock` with the same PATHs, and commit the file"
    mistakes = []
    for project in manifest.projects:
        own = {network.name for network in topology.networks if network.project == project.name}
        if rows := [line for line in left if line.split()[0] in own] if own & lacking else ():
            words = f"{lockfile.NAME} is stale: it lacks {len(rows)} lines, first {min(rows)}"
            mistakes.append(ManifestError(words, hint, project.where))
    if mistakes:
        raise ManifestErrors(mistakes)
