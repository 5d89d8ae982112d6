"""What goes on while something else happens."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

PAUSE = 0.002  # seconds


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """`work` again and again, as long as the body runs."""
    over = Event()

    def run() -> None:
        while not over.is_set():
            work()
            time.sleep(PAUSE)

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
