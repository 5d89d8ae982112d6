"""nftables: written as text by libnftables, in one transaction; read from the kernel's own bytes."""

from .counters import traffic
from .foreign import blockers
from .read import read
from .write import execute

__all__ = ["blockers", "execute", "read", "traffic"]
