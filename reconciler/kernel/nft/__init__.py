"""nftables: written as text by libnftables, in one transaction; read from the kernel's own bytes."""

from .foreign import blockers
from .read import read

__all__ = ["blockers", "read"]
