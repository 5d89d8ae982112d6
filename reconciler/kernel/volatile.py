"""What of the kernel's answers changes by itself and is never read: timers, ages, counters.

Answers have a pattern: their sizes, and the bytes that are blanked.  What has the same sizes and is equal
elsewhere has its attributes in the same places, so that nobody has to look for them again.
"""

from collections.abc import Iterable, Iterator, Mapping
from socket import NETLINK_ROUTE

from .netlink.netfilter import NFGEN
from .netlink.socket import ATTR, HEADER, attributes
from .transcript import Answer, Part, Pattern, Question, Span

Tree = Mapping[int, "Tree | None"]  # attributes by number: None is blanked, a tree is looked into

SOCK_DIAG, GENERIC = 4, 16  # linux/netlink.h
ANY, GENL, IFINFO = -1, 4, 16  # whatever number; bytes of struct genlmsghdr and ifinfomsg
NEWLINK, NEWADDR, NEWROUTE, NEWNEIGH, NEWQDISC, NEWTFILTER = 16, 20, 24, 28, 36, 44
# linux/if_link.h: of IFLA_BRPORT_* three timers and who listens to multicasts; of IFLA_BR_* four timers, the
# querier, and how many MACs were learned.
PORT: Tree = dict.fromkeys((21, 22, 23, 38, 41))
BRIDGE: Tree = dict.fromkeys((16, 17, 18, 19, 47, 48))
STATS: Tree = {7: None, 23: None}  # IFLA_STATS, IFLA_STATS64: RTEXT_FILTER_SKIP_STATS spares IPv6's alone
PROTINFO, LINKINFO, AF_SPEC = 12, 18, 26
KIND, DATA, SLAVE_KIND, SLAVE_DATA = 1, 2, 4, 5  # IFLA_INFO_*
IS_BRIDGE = b"bridge\0"
SETTINGS: Tree = {10: {5: None}}  # AF_INET6, IFLA_INET6_CACHEINFO: reachable_time is drawn anew by and by
# IFA_CACHEINFO, RTA_CACHEINFO, NDA_CACHEINFO and NDA_PROBES, and the bytes before the attributes
AGES: Mapping[int, tuple[int, Tree]] = {
    NEWADDR: (8, {6: None}),
    NEWROUTE: (12, {12: None}),
    NEWNEIGH: (12, {3: None, 4: None}),
    # linux/rtnetlink.h: TCA_STATS, _XSTATS, _STATS2; of u32 TCA_U32_PCNT, of its actions TCA_ACT_STATS, _TM
    NEWQDISC: (20, {3: None, 4: None, 7: None}),
    NEWTFILTER: (20, {2: {9: None, 7: {ANY: {4: None, 2: {1: None}}}}}),
}
PEERS: Tree = {8: {ANY: dict.fromkeys((6, 7, 8))}}  # linux/wireguard.h: handshake and bytes of each peer
# linux/netfilter/nf_tables.h: the counters of a chain, and the expressions of a rule that packets change
GETCHAIN, GETRULE, CHAIN_COUNTERS, EXPRESSIONS = 4, 7, 8, 4
# And how long elements are there yet, in those sets of ours where some end.
GETSETELEM, OF_SET, ELEMENTS, EXPIRATION = 13, 2, 3, 5
TIMED = (b"allow_from", b"allow_by")
NAME, EXPRESSION_DATA = 1, 2  # NFTA_EXPR_*
COUNTING = (b"counter\0", b"last\0", b"quota\0")
NOWHERE: Span = (0, 0)
LEFT: Tree = {}  # as it is


def essence(question: Question, answer: Answer) -> Answer:
    """What counts of an answer."""
    if isinstance(answer, int) or question.how not in ("dump", "objects"):
        return answer
    return [b"".join(answer)] if question.how == "dump" else essential(question.about[0], answer)


def essential(protocol: Part, objects: list[bytes]) -> list[bytes]:
    """Of listening sockets (struct inet_diag_msg) port and address."""
    return sorted({one[4:6] + one[8:24] for one in objects}) if protocol == SOCK_DIAG else objects


def pattern(questions: Iterable[Question], answers: Iterable[Answer]) -> Pattern:
    """Of the answers' essence."""
    sizes: list[int] = []
    blanks: list[Span] = []
    at = 0
    for question, answer in zip(questions, answers, strict=True):
        if isinstance(answer, int):
            sizes.append(-answer)
            continue
        for part in answer:
            blanks += [(at + start, at + end) for start, end in spans(question, part)]
            sizes.append(len(part))
            at += len(part)
    return Pattern(tuple(sizes), tuple(blanks))


def spans(question: Question, part: bytes) -> Iterator[Span]:
    match question:
        case Question("dump", (int(kind), _)):
            yield from datagram_spans(kind & ~3, part)
        case Question("get", (int(protocol), int(kind), _)) if protocol == NETLINK_ROUTE:
            yield from route_spans(kind & ~3, part, 0, len(part))
        case Question("get_on_host", (int(kind), _)):
            yield from route_spans(kind & ~3, part, 0, len(part))
        case Question("nft", (int(kind), *_)):
            yield 2, NFGEN.size  # the generation's stamp
            yield from ruleset_spans(kind & 0xFF, part)
        case Question("objects", (int(protocol), *_)) if protocol == GENERIC:
            yield from found(part, GENL, len(part), PEERS)
        case Question("objects", (int(protocol), int(kind), *_)) if protocol == NETLINK_ROUTE:
            yield from route_spans(kind & ~3, part, 0, len(part))


def datagram_spans(kind: int, data: bytes) -> Iterator[Span]:
    """Of each message the sequence and the port, and what is volatile in it."""
    at = 0
    while at + HEADER.size <= len(data):
        size = max(HEADER.unpack_from(data, at)[0], HEADER.size)
        yield at + 8, at + HEADER.size
        yield from route_spans(kind, data, at + HEADER.size, at + size)
        at += size + 3 & ~3


def route_spans(kind: int, data: bytes, at: int, end: int) -> Iterator[Span]:
    """Of a message of rtnetlink, whose kinds are numbered in fours."""
    if kind == NEWLINK:
        yield from found(data, at + IFINFO, end, link_tree(data[at:end]))
    elif kind in AGES:
        head, tree = AGES[kind]
        yield from found(data, at + head, end, tree)


def link_tree(body: bytes) -> Tree:
    if body[:1] != b"\0":  # PF_BRIDGE, which has the VLANs of ports
        return {PROTINFO: PORT, **STATS}
    info = attributes(attributes(body, IFINFO).get(LINKINFO, b""))
    inside: dict[int, Tree | None] = {}
    if info.get(KIND) == IS_BRIDGE:
        inside[DATA] = BRIDGE
    if info.get(SLAVE_KIND) == IS_BRIDGE:
        inside[SLAVE_DATA] = PORT
    return {AF_SPEC: SETTINGS, LINKINFO: inside, **STATS}


def ruleset_spans(kind: int, body: bytes) -> Iterator[Span]:
    if kind == GETCHAIN:
        yield from found(body, NFGEN.size, len(body), {CHAIN_COUNTERS: None})
    elif kind == GETRULE:
        rule = dict(located(body, NFGEN.size, len(body)))
        for _, span in located(body, *rule.get(EXPRESSIONS, NOWHERE)):
            expression = dict(located(body, *span))
            name = slice(*expression.get(NAME, NOWHERE))
            if body[name] in COUNTING:
                yield expression.get(EXPRESSION_DATA, NOWHERE)
    elif kind == GETSETELEM:
        said = dict(located(body, NFGEN.size, len(body)))
        if body[slice(*said.get(OF_SET, NOWHERE))].startswith(TIMED):
            yield from found(body, *said.get(ELEMENTS, NOWHERE), {ANY: {EXPIRATION: None}})


def found(body: bytes, at: int, end: int, tree: Tree) -> Iterator[Span]:
    """What the tree blanks of the attributes that stand there."""
    for number, span in located(body, at, end):
        branch = tree.get(number, tree.get(ANY, LEFT))
        if branch is None:
            yield span
        elif branch:
            yield from found(body, *span, branch)


def located(body: bytes, at: int, end: int) -> Iterator[tuple[int, Span]]:
    """The attributes by number, and where their payload stands."""
    while at + ATTR.size <= end:
        size, number = ATTR.unpack_from(body, at)
        if size < ATTR.size:
            return
        yield number & 0x3FFF, (at + ATTR.size, min(at + size, end))
        at += size + 3 & ~3
