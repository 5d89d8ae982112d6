"""Manifests of what others have or what stands, and a first one."""

import os
from collections.abc import Callable, Mapping, Sequence

from .. import disk
from ..core.bykind import by_kind
from ..core.resource import State
from ..drivers import DRIVERS
from ..drivers.firewall.elements import skeleton
from ..errors import ManifestError, ReconcileError, Unwritten, UsageError
from ..imported import compose as composed
from ..imported import docker, engine, first, forwards, inspected, live, podman, quadlet
from ..imported.draft import Draft
from ..imported.proof import Mistake, proved
from ..imported.standing import NOBODYS, ProjectState
from ..imported.text import shown, text
from ..inventory.ownership import projects
from ..kernel import asking_engines
from ..kernel.remote.discovery import Plugins
from ..kinds.nft import Element
from ..manifest.merged import merged
from ..manifest.waiting import each
from ..pipeline import decide_everywhere, load
from .options import Options
from .session import machine, note, tell, write_out

INIT = "reconcile.yaml"  # what --init writes where no PATH says it
QUADLETS = (*quadlet.KINDS, *quadlet.OTHERS)
PRIVATE = 0o600  # a file's mode: passwords are in variables
PODMAN = {"RECONCILE_RUNTIME": "podman"}  # then what runs is held against its models, too


def imported(options: Options) -> int:
    """Write what there is as a manifest; what it cannot say is told, and stands there as comments."""
    refuse_to_cover(options.out)
    draft = proved(SOURCES[options.import_](options), faults)
    if options.out:
        write_out(options.out, [text(draft).encode()], PRIVATE)
    else:
        tell(options, text(draft), end="")
    for words in draft.warnings:
        note(options, f"not taken over: {shown(words)}")
    if options.out:
        note(options, f"{options.out} is written; look at it, and at `reconcile --plan {options.out}`")
    return 0


def init(options: Options) -> int:
    """Write a first manifest for this host."""
    if len(options.paths) > 1:
        raise UsageError("--init writes one file", "name one PATH")
    file = next(iter(options.paths), INIT)
    refuse_to_cover(file)
    host = machine(options).facts()
    said = first.text(host, file if file != "-" else "FILE", asking_engines.installed())
    if file == "-":
        tell(options, said, end="")
        return 0
    try:
        with open(file, "x") as out:
            out.write(said)
    except OSError as error:
        raise Unwritten(f"{file} cannot be written: {error.strerror}", "name another PATH") from None
    note(options, f"{file} is written; look at it, and at `reconcile --plan {file}`")
    return 0


def refuse_to_cover(file: str) -> None:
    """Raise UsageError for a file that stands, which may be all that somebody has, or a folder."""
    if os.path.isdir(file):
        raise UsageError(f"{file} is a folder", f"name a file in it, as {os.path.join(file, 'web.yaml')}")
    if file not in ("", "-") and os.path.isfile(file):
        raise UsageError(f"{file} is there already", "name another file, or remove it")


def faults(said: str) -> list[Mistake]:
    """What is wrong with a manifest of this text, whatever is to run there."""
    try:
        decide_everywhere(load(["-"], environ=PODMAN, stdin=said), Plugins())
    except ManifestError as error:
        return [fault(one) for one in each(error)]
    return []


def fault(error: ReconcileError) -> Mistake:
    where = getattr(error, "where", None)
    return Mistake(where.line if where else 0, getattr(error, "message", "") or str(error))


def of_engine(options: Options) -> Draft:
    """By its socket, or what it says by a pipe or in files; of quadlets by their folder or files."""
    one = {"docker": docker.DOCKER, "podman": podman.PODMAN}[options.import_]
    if one is podman.PODMAN and (files := quadlets(options.paths)):
        return quadlet.draft(files, project(options) or "podman")
    if options.paths:
        found = inspected.inspected("\n".join(content(options, path) for path in options.paths))
    else:
        found = inspected.sorted_out(asking_engines.asked(options.import_, os.environ))
    return engine.draft(found, one, project(options))


def project(options: Options) -> str:
    if len(options.project) > 1:
        raise UsageError("a manifest is of one project", "name one by --project")
    return next(iter(options.project), "")


def content(options: Options, path: str) -> str:
    if path == "-":
        return options.stdin
    try:
        return disk.given(path).decode(errors="replace")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def quadlets(paths: Sequence[str]) -> Mapping[str, str]:
    """Their texts by name; none where these paths are none."""
    try:
        files = [file for path in paths for file in files_of(path) if file.endswith(QUADLETS)]
        found = {os.path.basename(file): disk.read(file).decode(errors="replace") for file in files}
    except OSError as error:
        raise UsageError(f"{error.filename or paths[0]} cannot be read: {error.strerror}") from None
    if not found and any(map(os.path.isdir, paths)):
        raise UsageError(f"no quadlets are in {paths[0]}", f"their files end in {', '.join(quadlet.KINDS)}")
    return found


def files_of(path: str) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    return sorted(os.path.join(path, name) for name in os.listdir(path))


def of_compose(options: Options) -> Draft:
    sources = options.paths or (".",)
    found = merged(sources, DRIVERS, options.environ(), options.projects, options.stdin or None)
    if len(found) != 1:
        names = ", ".join(one.name for one in found) or "none"
        raise UsageError(f"a manifest is of one project, and these are {names}", "name one by --project")
    known = load(sources, environ=options.environ(), projects=options.projects, stdin=options.stdin or None)
    for warning in known.warnings:
        note(options, f"warning: {warning}")
    for words in known.notes:
        note(options, words)
    return composed.draft(found[0].name, found[0].tree, known.notes)


def of_host(options: Options) -> Draft:
    if options.paths:
        raise UsageError("what stands is asked of the kernel", "leave out the PATH")
    host = machine(options)
    ours, others = host.observe(skeleton()), host.strangers()
    names = sorted(projects(ours)) + ([live.FOREIGN] if live.is_something(others) else [])
    if not names:
        raise UsageError(
            "nothing stands that could be imported", "`reconcile --init` writes a first manifest"
        )
    name = project(options) or ("" if len(names) != 1 else names[0])
    if name not in names:
        known = f"what stands is of {', '.join(names)}"
        words = f"no project {name} stands here" if name else f"a manifest is of one project, and {known}"
        raise UsageError(words, f"name one by --project; {known}" if name else "name one by --project")
    if name != live.FOREIGN:
        ports = [*forwards.of_elements(by_kind(ours).of(Element))]
        return live.draft(ProjectState(ours, name, ports))
    return foreign(others)


def foreign(others: State) -> Draft:
    nft, iptables, lost = asking_engines.rules()
    found = [forwards.of_nft(nft), forwards.of_iptables(iptables)]
    ports = [one for known, _ in found for one in known]
    lost += [words for _, strange in found for words in strange]
    return live.draft(ProjectState(others, NOBODYS, ports), lost)


SOURCES: Mapping[str, Callable[[Options], Draft]] = {
    "docker": of_engine,
    "podman": of_engine,
    "compose": of_compose,
    "live": of_host,
}
