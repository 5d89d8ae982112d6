"""What of a change would take away too much, and is held back until a person accepts it; what stands then."""

from collections.abc import Callable, Collection
from dataclasses import replace

from ..change import Change
from ..errors import ManifestError
from ..manifest.parts import keeping, with_older
from ..manifest.spec import Manifest, ProjectSpec
from ..safety.removals import TooMuchGoes
from .blame import without


def within_limits(
    change: Change,
    refuse: Callable[[Change], None],
    compare: Callable[[Manifest], Change],
    good: Callable[[], Manifest | None],
) -> tuple[Change, TooMuchGoes | None]:
    """The change; where `refuse` says that too much would go, without that, and why.  There the last good
    revision is kept healed, with what is new beside it.  Raises what `refuse` raises."""
    try:
        refuse(change)
    except TooMuchGoes as held:
        old = {project.name: project for project in (good() or Manifest()).projects}
        try:
            change = compare(holding(change.manifest, old, held))
        except ManifestError:  # what is new has no room beside it
            raise held from None
        change = without(change, held.projects - old.keys())
        refuse(change)
        return change, held
    return change, None


def standing_part(
    change: Change, held: TooMuchGoes | None, before: Manifest | None, failing: Collection[str]
) -> Manifest | None:
    """What is kept healed of a revision of which not all will stand, by limits or since projects fail or
    wait; None where all will, or what was kept before is the same."""
    manifest = keeping(change.manifest, before, change.waiting)
    if not held and (not failing or (before and before.digest == manifest.digest)):
        return None
    return with_older(manifest, before or Manifest(), failing) if failing else manifest


def holding(manifest: Manifest, old: dict[str, ProjectSpec], held: TooMuchGoes) -> Manifest:
    """The manifest, in which the projects that would lose too much keep all that they had."""

    def kept(new: ProjectSpec) -> ProjectSpec:
        return beside(old[new.name], new) if new.name in held.projects & old.keys() else new

    digest = f"{manifest.digest}, holding {sorted(held.projects)}"
    return replace(manifest, projects=tuple(map(kept, manifest.projects)), digest=digest)


def beside(old: ProjectSpec, new: ProjectSpec) -> ProjectSpec:
    """The old one, with what only the new one has."""
    networks, containers = ({one.name for one in part} for part in (old.networks, old.containers))
    return replace(
        old,
        path=new.path,
        networks=(*old.networks, *(one for one in new.networks if one.name not in networks)),
        containers=(*old.containers, *(one for one in new.containers if one.name not in containers)),
    )
