"""What a folder is called wherever its checkout stands: by its repository, and the path inside that.

Git is not asked, since its settings may name programs to run: the place that a tree was cloned from is read.
"""

import os
import re
from contextlib import suppress

from .. import disk

REMOTE = re.compile(r'\[remote "(?P<name>.*)"\]')
URL = re.compile(r'url\s*=\s*"?(?P<url>[^\s"#;]+)', re.IGNORECASE)
# As https://USER@HOST:PORT/PATH.git and USER@HOST:PATH (git-clone(1)).
PLACES = (
    re.compile(r"[a-z][a-z0-9+.-]*://([^/@]*@)?(?P<host>\[[^]]*\]|[^/:]+)(:[0-9]*)?/+(?P<path>.+)"),
    re.compile(r"([^/@]*@)?(?P<host>\[[^]]*\]|[^/:]+):(?!//)/*(?P<path>.+)"),
)
POINTER = "gitdir: "
CLONES = 8  # of clones, on one machine: a circle has no end


def names(folder: str) -> tuple[str, ...]:
    """What a host may remember it by; the first is what it does from now on."""
    there = os.path.realpath(folder)
    return tuple(dict.fromkeys(filter(None, (repository(there), folder, there))))


def repository(folder: str, left: int = CLONES) -> str:
    """`HOST/REPOSITORY//FOLDER` of what git cloned the tree from, or where its first work tree or the origin
    of a local clone has that folder; "" outside of git."""
    tree, git = folder, git_folder(folder)
    while not git and tree != os.path.dirname(tree):
        tree = os.path.dirname(tree)
        git = git_folder(tree)
    if not git:
        return ""
    inside, origin = os.path.relpath(folder, tree), origin_of(git)
    if place := next(filter(None, (form.fullmatch(origin) for form in PLACES)), None):
        name = f"{place['host'].lower()}/{place['path'].rstrip('/').removesuffix('.git')}"
        return name if inside == "." else f"{name}//{inside}"
    first = os.path.dirname(git) if os.path.basename(git) == ".git" else git
    there = os.path.realpath(os.path.join(first, origin.removeprefix("file://"), inside))
    return (repository(there, left - 1) if origin and left else "") or there


def own_git_folder(tree: str) -> str:
    """Where git keeps what belongs to this tree: a folder, or what a file names that stands in its place in
    a linked work tree, in a submodule, and after `git init --separate-git-dir` (gitrepository-layout(5)).  ""
    where there is none."""
    entry = os.path.join(tree, ".git")
    with suppress(OSError, ValueError):
        if os.path.isdir(entry):
            return entry
        if (named := text(entry)).startswith(POINTER):
            return os.path.realpath(os.path.join(tree, named.removeprefix(POINTER)))
    return ""


def git_folder(tree: str) -> str:
    """What all linked work trees of a repository share; "" where there is none."""
    own = own_git_folder(tree)
    with suppress(OSError, ValueError):
        return os.path.realpath(os.path.join(own, text(os.path.join(own, "commondir")))) if own else ""
    return os.path.realpath(own)


def origin_of(git: str) -> str:
    """The place of the remote `origin`, or of the first that there is; "" without one."""
    found: dict[str, str] = {}
    name = ""
    with suppress(OSError, ValueError):
        for line in map(str.strip, text(os.path.join(git, "config")).splitlines()):
            if line.startswith("["):
                name = remote["name"] if (remote := REMOTE.match(line)) else ""
            elif name and (setting := URL.match(line)):
                found.setdefault(name, setting["url"])
    return found.get("origin") or next(iter(found.values()), "")


def text(file: str) -> str:
    return disk.read(file).decode().strip()
