"""Namespaces of others that sandboxes wait for: each is looked for until it is there."""

import threading
import time
from collections.abc import Callable, Iterable

from ..kernel import attached

PACE = 1.0  # seconds between two looks; a runtime takes a tenth of one to answer


class Arrivals:
    """`tell` is called when one has come."""

    def __init__(self, tell: Callable[[str], object]):
        self.tell = tell
        self.awaited: frozenset[str] = frozenset()
        self.thread: threading.Thread | None = None

    def follow(self, awaited: Iterable[str]) -> None:
        """Look for these, as `docker web`, and no others, from now on."""
        self.awaited = frozenset(awaited)
        if self.awaited and not self.thread:
            self.thread = threading.Thread(target=self.run, name="arrivals", daemon=True)
            self.thread.start()

    def run(self) -> None:
        while True:
            time.sleep(PACE)
            for title in self.awaited:
                if not attached.look(title).lack:
                    self.tell(title)
