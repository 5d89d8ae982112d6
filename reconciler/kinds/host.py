"""What the host itself has (moved)."""

from ..facts import Blocker, Listener  # noqa: F401
from ..facts import Facts as HostFacts  # noqa: F401
