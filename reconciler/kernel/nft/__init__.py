"""nftables, in the kernel's own bytes: read, compiled by libnftables, and written in one transaction."""

from .foreign import blockers
from .read import read

__all__ = ["blockers", "read"]
