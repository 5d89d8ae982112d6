"""When a watcher has Python's collector look for garbage."""

import gc

# By itself it goes through all that a watcher remembers, of which nothing is garbage: it waits for many times
# as many new objects as elsewhere, which is a sixth of a turn at 150 projects.
SELDOM = (50_000, 20, 100)
WHOLE = 10  # looks at what is new, after which it looks at all


def collect_seldom() -> None:
    gc.set_threshold(*SELDOM)


def collect_frames() -> None:
    """After an error: the frames that it came through are a circle, and hold whole states.

    Each look resets what the collector counts, so that it would never come to what has outlived two of them.
    """
    _, _, looks = gc.get_count()
    gc.collect(2 if looks >= WHOLE else 1)
