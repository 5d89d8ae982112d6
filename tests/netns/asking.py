"""Who asks for names in a sandbox: dig, and what the C libraries of containers make of its resolv.conf."""

import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from tempfile import mkdtemp
from typing import NamedTuple

import pytest

from tests.netns.lab import Lab

PLAINLY = ("+tries=1", "+time=2", "+noall", "+answer", "+comments", "+nocookie")  # what `answered` reads
QUICK = 2.0  # seconds: musl asks again after 2.5, glibc and dig after 5
LIBRARIES = {"glibc": "gcc", "musl": "musl-gcc -static"}
PROGRAM = r"""
#include <netdb.h>
#include <stdio.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int named(const char *text) {
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *it;
    char name[256] = "-";
    if (getaddrinfo(text, 0, &hints, &it)) return 0;
    getnameinfo(it->ai_addr, it->ai_addrlen, name, sizeof name, 0, 0, NI_NAMEREQD);
    printf(" %s", name);
    return 1;
}

int main(int count, char **names) {
    for (int i = 1; i < count; i++) {
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *it = 0;
        char text[64];
        double began = now();
        printf("%s", names[i]);
        if (!named(names[i]) && !getaddrinfo(names[i], 0, &hints, &it))
            for (; it; it = it->ai_next) {
                getnameinfo(it->ai_addr, it->ai_addrlen, text, sizeof text, 0, 0, NI_NUMERICHOST);
                printf(" %s", text);
            }
        printf(" %.3f\n", now() - began);
    }
}
"""


class Found(NamedTuple):
    """What a name means, or an address is called, and the seconds that it took."""

    words: frozenset[str]
    seconds: float


CLIENTS: dict[str, str] = {}  # by the library, where they are


def client(library: str) -> str:
    """A program of this C library that looks up what it is given; a lab may have another /dev/shm."""
    if not Path(CLIENTS.get(library, "")).is_file():
        CLIENTS[library] = built(library)
    return CLIENTS[library]


def built(library: str) -> str:
    compiler, *options = LIBRARIES[library].split()
    if not which(compiler):
        pytest.skip(f"no {compiler} here")
    folder = Path(mkdtemp(dir="/dev/shm"))  # which most labs of this run see
    source = folder / "ask.c"
    source.write_text(PROGRAM)
    subprocess.run([compiler, *options, "-o", folder / library, source], check=True)
    return str(folder / library)


def looked_up(lab: Lab, ns: str, library: str, *names: str) -> dict[str, Found]:
    """By getaddrinfo and getnameinfo, with the resolv.conf and hosts of this sandbox."""
    return found(lab.run(["ip", "netns", "exec", ns, client(library), *names]).out)


def found(said: str) -> dict[str, Found]:
    """By what the program has said."""
    lines = (line.split() for line in said.splitlines())
    return {name: Found(frozenset(words), float(took)) for name, *words, took in lines}


def addresses(lab: Lab, ns: str, library: str, *names: str) -> dict[str, frozenset[str]]:
    return {name: one.words for name, one in looked_up(lab, ns, library, *names).items()}


class Answer(NamedTuple):
    """`status` is "" where nobody answered."""

    status: str = ""
    words: tuple[str, ...] = ()  # sorted
    truncated: bool = False


def answered(said: str) -> Answer:
    """By what dig has said of one question."""
    status, data, truncated = "", [], False
    for line in said.splitlines():
        if "status: " in line:
            status = line.partition("status: ")[2].partition(",")[0]
        elif line.startswith(";; flags:"):
            truncated = " tc" in line.partition("flags:")[2].partition(";")[0]
        elif line and not line.startswith(";"):
            data.append(line.split()[4])
    return Answer(status, tuple(sorted(data)), truncated)


def dig(lab: Lab, ns: str, question: str, *options: str) -> Answer:
    """Of `NAME TYPE`, from whoever its resolv.conf names unless the options say `@SERVER`."""
    words = ["dig", *PLAINLY, *options, *question.split()]
    if ns in ("", *lab.outside):
        return answered(lab.run(words, ns, check=False).out)
    return answered(lab.run(["ip", "netns", "exec", ns, *words], check=False).out)


def dig_all(lab: Lab, ns: str, question: str, ways: Iterable[tuple[str, ...]]) -> list[Answer]:
    """By all of these ways at a time."""
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda way: dig(lab, ns, question, *way, "+time=1"), ways))


@contextmanager
def dnsmasq(lab: Lab, ns: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of somebody else's."""
    words = ["dnsmasq", "-k", "-C", "/dev/null", "--no-hosts", "--no-resolv", "--user=", "--group="]
    words += [] if any("--pid-file" in option for option in options) else ["--pid-file="]
    with lab.inside(ns):
        process = subprocess.Popen(
            [*words, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def is_running(pid: int) -> bool:
    """Whoever ended may wait for a parent that never asks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
