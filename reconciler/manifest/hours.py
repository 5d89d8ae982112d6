"""Times of the week, as `Mon-Fri 08:00-18:00 Europe/Berlin`, by the clocks of that place."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from typing import NamedTuple

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAILY = "daily"
DAY, WEEK = 24 * 60, 7 * 24 * 60  # minutes
FORM = re.compile(r"([A-Za-z,-]+) ([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9]) ([A-Za-z0-9_+/-]+)")
Span = tuple[int, int]


class Window(NamedTuple):
    """From and until when on each of these days, in minutes of the day or, past midnight, of the next."""

    days: tuple[int, ...]
    first: int
    end: int
    zone: str

    @property
    def week(self) -> Iterator[Span]:
        """In minutes of the week; on Sunday it may go on in the next."""
        return ((day * DAY + self.first, day * DAY + self.end) for day in self.days)

    def around(self, now: float) -> Iterator[tuple[float, float]]:
        """In seconds since 1970, from the day before yesterday to the day after next week."""
        from zoneinfo import ZoneInfo  # which few manifests ask the time of

        zone = ZoneInfo(self.zone)
        today = datetime.fromtimestamp(now, zone).replace(
            hour=0, minute=0, second=0, microsecond=0, tzinfo=None
        )
        for day in (today + timedelta(days=n) for n in range(-2, 9)):
            if day.weekday() in self.days:
                both = (day + timedelta(minutes=minutes) for minutes in (self.first, self.end))
                first, end = (at.replace(tzinfo=zone).timestamp() for at in both)
                yield first, end


def window(text: str) -> Window:
    """Raises ValueError, with what is wrong and what may be written instead."""
    found = FORM.fullmatch(text)
    if not found:
        raise ValueError(
            f"{text[:60]!r} are no hours", "as Mon-Fri 08:00-18:00 Europe/Berlin, or daily 22:00-06:00 UTC"
        )
    first, end = (60 * int(found[n]) + int(found[n + 1]) for n in (2, 4))
    if first >= DAY or end > DAY:
        raise ValueError(f"no clock shows {text.split()[1]}", "00:00 to 24:00")
    if first == end:
        raise ValueError(f"{text[:60]!r} ends as it begins", "a whole day is 00:00-24:00")
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(found[6])
    except (KeyError, ValueError, OSError):
        hint = "as Europe/Berlin or UTC; the package tzdata has them"
        raise ValueError(f"there is no time zone {found[6]}", hint) from None
    return Window(tuple(sorted({*days(found[1])})), first, end + DAY * (end < first), found[6])


def days(text: str) -> Iterator[int]:
    """`Mon-Wed,Sat`; raises ValueError."""
    names = {name.lower(): number for number, name in enumerate(DAYS)}
    for part in (",".join(DAYS) if text.lower() == DAILY else text).split(","):
        first, _, last = part.lower().partition("-")
        if first not in names or (last or first) not in names:
            raise ValueError(f"{part!r} is no day", f"{', '.join(DAYS)}, as Mon-Fri or Sat,Sun, or daily")
        yield from ((names[first] + n) % 7 for n in range((names[last or first] - names[first]) % 7 + 1))


def overlap(one: Window, other: Window) -> bool:
    """Whether, in one zone, both are at some time."""
    shifts = (-WEEK, 0, WEEK)
    pairs = ((a, b, shift) for a in one.week for b in other.week for shift in shifts)
    return one.zone == other.zone and any(a[0] < b[1] + n and b[0] + n < a[1] for a, b, n in pairs)


def mistake(texts: Sequence[str]) -> tuple[str, str]:
    """What is wrong with these together, and what to do; both empty when nothing is."""
    windows = [window(text) for text in texts]
    for one, other in combinations(range(len(texts)), 2):
        if overlap(windows[one], windows[other]):
            return f"{texts[one]!r} and {texts[other]!r} overlap", "write each time once"
    zones = {one.zone for one in windows}
    if any(
        sum(end - first for w in windows if w.zone == zone for first, end in w.week) >= WEEK for zone in zones
    ):
        return "these hours are all there are", "leave the key away"
    return "", ""


def spans(texts: Iterable[str], now: float) -> list[tuple[float, float]]:
    """Times around now, what adjoins as one, in order."""
    found: list[tuple[float, float]] = []
    for first, end in sorted(span for text in texts for span in window(text).around(now)):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        elif first < end:
            found.append((first, end))
    return found
