"""Container networking for Linux, declared in YAML, compared with the live kernel, and put right.

The library in a few names, each imported when it is first used:

    from reconciler import Linux, compare, enact, load

    host = Linux()                                    # this machine; raises NotPermitted without privileges
    change = compare(load(["compose.yaml"]), host)    # reads and decides; raises ManifestErrors, Foreign, ...
    print(*change.todo, sep="\\n")                     # the plan: ordered steps that print themselves
    enact(change, host)                               # all of it, or as it was; raises KernelError ...
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .version import __version__ as __version__

__all__ = ["Linux", "compare", "enact", "load"]

if TYPE_CHECKING:
    from .kernel.linux import Linux
    from .pipeline import compare, enact, load
else:
    HOMES = {"Linux": ".kernel.linux", "compare": ".pipeline", "enact": ".pipeline", "load": ".pipeline"}

    def __getattr__(name: str) -> object:
        if name not in HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(HOMES[name], __name__), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *HOMES})
