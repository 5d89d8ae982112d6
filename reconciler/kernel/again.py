"""Asks again what a transcript has, and tells whether the answers are the same.  Nothing is parsed, and no
kind is known here."""

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import cached_property
from hashlib import blake2b
from math import inf
from typing import Any

from . import covered, looking, netns
from .netlink.netfilter import Channel, Torn
from .netlink.nsid import number_of
from .netlink.socket import BUFFER, DONE, ROUTE, attributes, dump, dump_request, get, open_socket
from .transcript import RULESET, Answer, Known, Pattern, Question, Transcript, engine_of
from .volatile import essence, essential, pattern

SO_NETNS_COOKIE = 71  # asm-generic/socket.h; Python 3.13 knows it
NFTABLES, GETGEN, GEN_ID = 10, 16, 1  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN, NFTA_GEN_ID
END_OF_DUMP = struct.pack("=IH", 20, DONE)  # as the last message of it begins, which has 20 bytes

Asked = Iterable[tuple[Any, Any]]  # Questions, and what is Known of their answers; or tuples of the same


class Changed(Exception):
    """An answer is laid out otherwise."""


def settle(transcript: Transcript, place: str) -> Mapping[Question, Known]:
    """What is to be known of a place, answer by answer: these are gone through once."""
    answers, found = transcript.answers.pop(place, {}), transcript.known.setdefault(place, {})
    for question, answer in answers.items():
        found[question] = known({question: answer})
    return found


def known(asked: Mapping[Question, Answer]) -> Known:
    """Of these answers together."""
    answers = [essence(question, answer) for question, answer in asked.items()]
    laid_out = pattern(asked, answers)
    return Known(laid_out, digest(answers, laid_out))


def digest(answers: Iterable[Answer], laid_out: Pattern) -> bytes:
    """Raises Changed where they are laid out otherwise."""
    known_sizes, blanks = laid_out
    sizes: list[int] = []
    data = bytearray()
    for answer in answers:
        if isinstance(answer, int):
            sizes.append(-answer)
            continue
        for part in answer:
            sizes.append(len(part))
            data += part
    if sizes != [*known_sizes]:
        raise Changed
    for start, end in blanks:
        data[start:end] = bytes(end - start)
    return blake2b(data, digest_size=16).digest()


def generation() -> int | None:
    """That of the ruleset; None where it cannot be told."""
    with suppress(OSError, Torn, LookupError), Channel(NFTABLES) as channel:
        [(_, body)] = channel.ask(GETGEN, flags=0)
        return int.from_bytes(attributes(body)[GEN_ID], "big")
    return None


def namespace() -> bytes:
    """What tells the thread's network namespace from all others since the machine was started; b"" where the
    kernel does not (before Linux 5.14)."""
    with open_socket() as channel:
        try:
            return channel.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8)
        except OSError:
            return b""


class Asker:
    """Asks of one place after the other; a context manager that ends at home."""

    def __init__(self) -> None:
        self.lasting = ExitStack()
        self.channels: dict[int, socket.socket] = {}
        self.most = 0  # bytes of an answer
        self.workloads: dict[str, dict[str, object]] = {}  # by engine and place

    def __enter__(self) -> "Asker":
        self.home = self.lasting.enter_context(netns.kept())
        self.on_host = self.lasting.enter_context(open_socket())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self.lasting.close()

    def moved(self, transcript: Transcript, places: Iterable[str]) -> Iterator[str]:
        """Those that do not answer as they did, or that nobody can tell of."""
        for place in places:
            if place in transcript.doubtful or not self.same(transcript, place):
                yield place

    def same(self, transcript: Transcript, place: str) -> bool:
        asked = [((question,), one) for question, one in settle(transcript, place).items()]
        if place == RULESET:
            return self.same_ruleset(transcript, asked)
        return not asked or self.alike(place, asked)  # it may have been forgotten meanwhile

    def alike(self, place: str, asked: Asked) -> bool:
        """Whether a place answers as it is known to."""
        try:
            self.enter(place)
            return all(self.recognised(questions, one) for questions, one in asked)
        except (OSError, Changed, ValueError):  # gone, say
            return False

    def recognised(self, questions: Iterable[Question], one: Known) -> bool:
        laid_out, known = one
        self.most = sum(laid_out[0])
        return digest(map(self.answer, questions), laid_out) == known

    def same_ruleset(self, transcript: Transcript, asked: Asked) -> bool:
        """By its generation, or else by what it says."""
        self.enter("")
        if transcript.generation is not None and generation() == transcript.generation:
            return True
        from .nft.wire import RulesetReading  # with all that reads rules

        with suppress(OSError, Changed, Torn), RulesetReading() as reading:
            for questions, (laid_out, known) in asked:
                if digest((reading.bodies(*about) for _, about in questions), laid_out) != known:
                    return False
            if reading.generation and reading.current() == reading.generation:
                transcript.generations = {reading.generation}
                return True
        return False

    def enter(self, place: str) -> None:
        self.close()
        if place and not place.startswith("/"):
            netns.enter(place)
        else:
            netns.back(self.home)

    def answer(self, question: Question) -> Answer:
        how, about = question
        try:
            return HOW[how](self, *about)
        except OSError as error:
            self.close()
            return error.errno or errno.EIO

    def close(self) -> None:
        """A channel is of the place it was opened in, and of no use after an error: answers may be queued."""
        for channel in self.channels.values():
            channel.close()
        self.channels = {}

    def channel(self, protocol: int) -> socket.socket:
        if protocol not in self.channels:
            self.channels[protocol] = open_socket(protocol)
        return self.channels[protocol]

    @cached_property
    def beneath(self) -> int:
        return self.lasting.enter_context(covered.covered())

    def dump(self, kind: int, body: bytes) -> list[bytes]:
        """The datagrams as one.  Nobody waits for an end that does not come, or reads more than there was."""
        channel, said, size = self.channel(ROUTE), [b""], 0
        channel.send(dump_request(kind, body))
        while said[-1][-20:-14] != END_OF_DUMP:
            said.append(channel.recv(BUFFER, socket.MSG_DONTWAIT))
            size += len(said[-1])
            if size > self.most:
                raise Changed
        return [b"".join(said)]

    def objects(self, protocol: int, kind: int, body: bytes, state: int, most: int) -> list[bytes]:
        return essential(protocol, dump(self.channel(protocol), kind, body, most or inf, state))

    def get(self, protocol: int, kind: int, body: bytes) -> list[bytes]:
        return [get(self.channel(protocol), kind, body)]

    def get_on_host(self, kind: int, body: bytes) -> list[bytes]:
        return [get(self.on_host, kind, body)]

    def number_of_host(self) -> list[bytes]:
        return [b"%d" % number_of(self.home, self.channel(ROUTE))]

    def workload(self, place: str) -> list[bytes]:
        engine = engine_of(place)
        if engine not in self.workloads:
            from .workloads import runner  # which few have

            self.workloads[engine] = {r.place: r for r in runner(engine).listing()}
        return [repr(self.workloads[engine].get(place)).encode()]

    def record(self, name: str) -> list[bytes]:
        return covered.answer(name, self.beneath)


def attached_to(title: str) -> list[bytes]:
    from .attached import look  # which few have

    return [repr(look(title)).encode()]


def plugin(name: str) -> list[bytes]:
    from .remote.discovery import answer, look  # which few have

    return answer(look(name))


def tables_here() -> list[bytes]:
    from .nft.sandbox import answer  # with all that reads rules

    return answer()


HOW: Mapping[str, Callable[..., list[bytes]]] = {
    "dump": Asker.dump,
    "objects": Asker.objects,
    "get": Asker.get,
    "get_on_host": Asker.get_on_host,
    "number_of_host": Asker.number_of_host,
    "record": Asker.record,
    "content": lambda _, path: [looking.content(path)],
    "content_itself": lambda _, path: [looking.content(path, follow=False)],
    "listing": lambda _, folder: [os.fsencode("/".join(looking.listing(folder, "")))],
    "exists": lambda _, path: [b"%d" % looking.exists(path)],
    "stamp": lambda _, path: [looking.stamp(path)],
    "process": lambda _, pid: [looking.process(pid, "").answer],
    "workload": Asker.workload,
    "hostname": lambda _: [socket.gethostname().encode()],
    "beneath": lambda _, folder: looking.answer(looking.beneath(folder, "")),
    "nobodys": lambda _, folder: [os.fsencode("/".join(looking.nobodys(folder, netns.names())))],
    "names": lambda _: [os.fsencode("/".join(netns.names()))],
    "tables": lambda _: tables_here(),
    "attached": lambda _, title: attached_to(title),
    "plugin": lambda _, name: plugin(name),
    "occupied": lambda _, name: [b"%d" % netns.occupied(name)],
}
