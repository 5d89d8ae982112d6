"""Health checks that no engine makes by itself: who has a test is tested at its interval."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from ..kernel.workloads import runner
from ..kinds.workload import Workload

ABREAST = 16  # tests at one time: each may be let run as long as it may take
PACE = 0.5  # seconds between two looks at who is due
WORDS = {True: "healthy", False: "not healthy"}


class HealthTimer:
    """`tell` is called when a test ends otherwise than the one before."""

    def __init__(self, tell: Callable[[Workload, str], object]):
        self.tell = tell
        self.due: dict[Workload, float] = {}
        self.passed: dict[Workload, bool] = {}  # the last test of each
        self.busy: set[Workload] = set()
        self.thread: threading.Thread | None = None

    def follow(self, running: Iterable[Workload]) -> None:
        """Test these, and no others, from now on; of a new process nothing is known."""
        now = time.monotonic()
        self.due = {one: self.due.get(one, now + one.interval) for one in running if one.interval}
        pids = {one: one.pid for one in self.due}
        self.passed = {one: passed for one, passed in self.passed.items() if pids.get(one) == one.pid}
        if self.due and not self.thread:
            self.thread = threading.Thread(target=self.run, name="health", daemon=True)
            self.thread.start()

    def run(self) -> None:
        with ThreadPoolExecutor(ABREAST) as pool:
            while True:
                now = time.monotonic()
                for one in [one for one, at in [*self.due.items()] if at <= now and one not in self.busy]:
                    self.due = {**self.due, one: now + one.interval} if one in self.due else self.due
                    self.busy.add(one)
                    pool.submit(self.test, one)
                time.sleep(PACE)

    def test(self, one: Workload) -> None:
        try:
            passed = runner(one.engine).test(one)
            if self.passed.get(one) is not passed:
                self.passed[one] = passed
                self.tell(one, WORDS[passed])
        finally:
            self.busy.discard(one)
