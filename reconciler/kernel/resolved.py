"""systemd-resolved: what it is told about links, and what it keeps of that over a restart."""

import errno
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

from ..kinds.ownership import HOST
from ..kinds.split_dns import HostDomain
from . import looking
from .transcript import EVERYWHERE, HOST_PLACE

PROGRAM = "/usr/bin/resolvectl"
KEPT = "/run/systemd/resolve/netif"  # a file for each link that it was told something about (link_save_user)
UNIT = "/run/systemd/units/invocation:systemd-resolved.service"  # a symbolic link while it runs
PATIENCE = 2.0  # seconds until it knows a link that was just made


def lack() -> str:
    return "" if looking.exists(PROGRAM) and runs() else "no systemd-resolved runs here"


def runs() -> bool:
    try:
        looking.content(UNIT, EVERYWHERE, follow=False)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def domains(links: Mapping[int, str]) -> Iterator[HostDomain]:
    """What it was told about these; nothing while it does not run."""
    numbers = looking.listing(KEPT, HOST_PLACE) if runs() else []
    for number in filter(str.isdigit, numbers):
        if link := links.get(int(number), ""):
            with suppress(OSError):
                text = looking.content(f"{KEPT}/{number}", HOST_PLACE, follow=False).decode(errors="replace")
                yield domain_of(link, text)


def domain_of(link: str, text: str) -> HostDomain:
    said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    domain = said.get("DOMAINS", "")
    return HostDomain(
        ns=HOST,
        link=link,
        domain=domain.removeprefix("~") if domain.startswith("~") else f"not only {domain}",
        server=said.get("SERVERS", ""),
        others=said.get("DEFAULT_ROUTE", "") != "no",
    )


def tell(wanted: HostDomain) -> None:
    """It hears of links as we do, and may not know of one yet; raises OSError with what it says."""
    ends = time.monotonic() + PATIENCE
    for words in wanted.settings:
        while error := run(*words):
            if time.monotonic() > ends:
                raise OSError(errno.EIO, error)
            time.sleep(0.02)


def revert(link: str) -> None:
    run("revert", link)


def run(*words: str) -> str:
    """What it says against it."""
    from subprocess import PIPE, STDOUT, TimeoutExpired
    from subprocess import run as ran

    try:
        done = ran(
            [PROGRAM, *words], stdout=PIPE, stderr=STDOUT, timeout=PATIENCE, env={**os.environ, "LC_ALL": "C"}
        )
    except TimeoutExpired as error:
        return str(error)
    return " ".join(done.stdout.decode(errors="replace").split()) if done.returncode else ""
