"""The firewall's messages against libnftables: what we write and what it writes is the same in the kernel."""

import errno
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET6, inet_ntop
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.core.plan import Step, plan
from reconciler.core.resource import Resource, State, state
from reconciler.drivers.firewall.elements import skeleton
from reconciler.errors import KernelError
from reconciler.kernel import nft
from reconciler.kernel.netlink.socket import items
from reconciler.kernel.nft import batch, raw, verdicts, wire, write
from reconciler.kernel.nft.code import digests
from reconciler.kernel.nft.datatypes import PROTOCOLS, Datatype, named
from reconciler.kernel.nft.write import execute
from reconciler.kinds.named import VOLATILE
from reconciler.kinds.nft import Chain, Element, Map, Table
from tests.netns.lab import Lab

NAME = "reconciler"
OWN = ("dynamic", VOLATILE)  # flags of those whose elements the kernel adds and ends
MAPS = [
    r
    for r in skeleton()
    if isinstance(r, Map) and r.flags not in OWN and r.data != verdicts.NAME and not r.template
]
SENTINEL = b"\x08\0\x03\0\0\0\0\1"  # NFTA_SET_ELEM_FLAGS: the end of an interval
SAMPLES = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def contents(one: raw.RawSet) -> tuple[Any, ...]:
    """A set, less the order of a hash table, and less the end at nought that libnftables puts first."""
    found = sorted(element for message in one.elements for _, element in items(message))
    first = [e for e in found if SENTINEL in e and not any(e.replace(SENTINEL, b"")[8:])]
    return one.name, one.flags, one.declaration, [e for e in found if e not in first]


def dumped() -> list[Any]:
    """Our tables, byte for byte, less handles, counters and the numbers of anonymous sets."""
    found = wire.snapshot(lambda reading: raw.tables(reading, raw.Selection(NAME.__eq__)))
    return [
        (
            table.family,
            table.comment,
            sorted(contents(one) for one in table.sets if not one.flags & raw.ANONYMOUS),
            [(chain.name, chain.hook, len(chain.rules)) for chain in table.chains],
            digests(table),
        )
        for table in sorted(found, key=lambda table: table.family)
    ]


def said(part: Datatype, word: str) -> str:
    """A part of an item as nft is surely told it."""
    if part.name == "inet_proto":
        return str({PROTOCOLS[n]: n for n in range(256)}[word])
    return f'"{word}"' if part.name == "ifname" else word


def in_words(r: Element, wanted: Map) -> str:
    item, value = (
        " . ".join(map(said, named(kind).parts, text.split(" . "))) if text else ""
        for kind, text in ((wanted.type, r.item), (wanted.data, r.value))
    )
    comment = f' comment "{r.project}"' if r.project else ""
    return f"add element {r.family} {r.table} {r.map} {{ {item}{comment}{f' : {value}' if value else ''} }}"


def by_libnftables(lab: Lab, resources: list[Resource]) -> bool:
    """Whether it takes them too."""
    maps = {(r.family, r.name): r for r in resources if isinstance(r, Map)}
    others = [r.commands(None) for r in resources if not isinstance(r, Element)]
    lines = [commands[0].removeprefix("nft ").strip("'") for commands in others]
    lines += [in_words(r, maps[r.family, r.map]) for r in resources if isinstance(r, Element)]
    lines += [rule.removeprefix("nft ").strip("'") for commands in others for rule in commands[1:]]
    return not lab.run("nft -f -", input="\n".join(lines), check=False).rc


def by_us(*resources: Resource) -> bool:
    try:
        execute([Step("+", r) for r in resources])
    except KernelError as error:
        assert error.number == errno.EEXIST, error
        return False
    return True


# values


PORTS = st.integers(0, 0xFFFF)
PLAIN: dict[str, st.SearchStrategy[str]] = {
    "nf_proto": st.sampled_from(["ipv4", "ipv6"]),
    "ipv4_addr": st.one_of(st.ip_addresses(v=4), st.integers(0, 5).map(IPv4Address)).map(str),
    "ipv6_addr": st.one_of(st.ip_addresses(v=6), st.integers(0, 5).map(IPv6Address)).map(
        lambda ip: inet_ntop(AF_INET6, ip.packed)  # Python writes ::ffff:0.0.0.0 in another way
    ),
    "ether_addr": st.binary(min_size=6, max_size=6).map(lambda raw: raw.hex(":")),
    "inet_proto": st.integers(0, 255).map(PROTOCOLS.__getitem__),
    "inet_service": PORTS.map(str),
    "mark": st.integers(0, 0xFFFFFFFF).map("0x{:08x}".format),
    "ifname": st.from_regex(r"[A-Za-z_][A-Za-z0-9_.:@+~-]{0,14}", fullmatch=True),
}


def hexadecimal(size: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=size, max_size=size).map(lambda raw: f"0x{raw.hex()}")


def few(most: int) -> st.SearchStrategy[int]:
    """Numbers that often are near each other, or at an end."""
    return st.one_of(st.integers(0, 9), st.integers(most - 9, most), st.integers(0, most))


def ranges(part: Datatype) -> st.SearchStrategy[str]:
    if part.name == "inet_service":
        ends = st.tuples(few(0xFFFF), few(0xFFFF)).map(sorted)
        return ends.map(lambda pair: part.span(*pair))
    most = (1 << 8 * part.size) - 1
    ends = st.tuples(few(most), few(most)).map(sorted)
    return ends.map(lambda pair: part.span(*(number.to_bytes(part.size, "big") for number in pair)))


def words(part: Datatype, *, interval: bool = False) -> st.SearchStrategy[str]:
    if interval and part.ranged and part.name != "inet_proto":  # of which policies alone have ranges
        return ranges(part)
    return hexadecimal(part.size) if part.name.startswith("@") else PLAIN[part.name]


def texts(kind: str, *, interval: bool = False) -> st.SearchStrategy[str]:
    parts = [words(part, interval=interval) for part in named(kind).parts]
    return st.tuples(*parts).map(" . ".join)


PROJECTS = st.sampled_from(["", "shop", "a.b-c_d", "p" * 63])


@st.composite
def filled(draw: st.DrawFn) -> tuple[Map, list[Element]]:
    """A map of any shape that ours have, and elements that may stand in each other's way."""
    one = draw(st.sampled_from(MAPS))
    items = draw(st.lists(texts(one.type, interval=one.flags == "interval"), max_size=12, unique=True))
    at = {"family": one.family, "table": one.table, "map": one.name}
    values = texts(one.data) if one.data else st.just("")
    return one, [Element(**at, item=i, value=draw(values), project=draw(PROJECTS)) for i in items]


# the two


def fresh(lab: Lab) -> None:
    lab.nft("flush ruleset")


def test_a_whole_firewall_is_the_same(lab: Lab) -> None:
    parts = list(skeleton())
    assert by_us(*parts)
    ours, listing = dumped(), lab.run("nft list ruleset").out
    fresh(lab)
    assert by_libnftables(lab, parts)
    assert dumped() == ours
    assert sorted(lab.run("nft list ruleset").out.splitlines()) == sorted(listing.splitlines())


@SAMPLES
@given(wanted=filled(), cut=st.integers(0, 12))
def test_elements_are_the_same(lab: Lab, wanted: tuple[Map, list[Element]], cut: int) -> None:
    """At once, or the second half to the first; and where one is refused, so is the other.  Whether ranges
    overlap the kernel notices by the order in which they come, and libnftables has an order of its own."""
    one, elements = wanted
    parts, rest = [Table(family=one.family, name=NAME), one, *elements[:cut]], elements[cut:]
    fresh(lab)
    begun = by_us(*parts)
    ended = begun and by_us(*rest)
    ours, listing = dumped(), lab.run("nft list ruleset").out
    read = {r.key: r for r in nft.read([one]) if isinstance(r, Element)}
    assert read == {e.key: e for e in (elements if ended else elements[:cut] if begun else [])}
    fresh(lab)
    theirs = by_libnftables(lab, parts), begun and by_libnftables(lab, [one, *rest])
    if theirs == (begun, ended) or one.flags != "interval":
        assert (theirs, dumped()) == ((begun, ended), ours)
        assert sorted(lab.run("nft list ruleset").out) == sorted(listing)


@SAMPLES
@given(wanted=filled(), data=st.data())
def test_elements_go_as_they_came(lab: Lab, wanted: tuple[Map, list[Element]], data: st.DataObject) -> None:
    one, elements = wanted
    parts = [Table(family=one.family, name=NAME), one, *elements]
    fresh(lab)
    if by_us(*parts) and elements:
        going = data.draw(st.lists(st.sampled_from(elements), unique_by=lambda e: e.key))
        execute([Step("-", e) for e in going])
        left = {e.key: e for e in elements if e not in going}
        assert {r.key: r for r in nft.read([one]) if isinstance(r, Element)} == left
        execute([Step("+", e) for e in going])
        assert {r.key for r in nft.read([one]) if isinstance(r, Element)} == {e.key for e in elements}


# when it is too long, or somebody else is at it


def many(table: str, count: int, value: str = "10.1.0.2 . 80") -> list[Element]:
    at = {"family": "inet", "table": table, "map": "publish4", "value": value}
    return [Element(**at, item=f"tcp . {n}", project=f"project{n // 5}") for n in range(1, count + 1)]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many messages each batch had; no batch is longer than 256 KiB."""
    true, numbers = batch.send, []

    def send(channel: Any, messages: Any, generation: int) -> None:
        numbers.append(len(messages))
        true(channel, messages, generation)

    monkeypatch.setattr(write, "send", send)
    monkeypatch.setattr(batch, "ROOM", 1 << 17)
    yield numbers


def stands(wanted: State) -> bool:
    return state(*nft.read(wanted.values())) == wanted


def test_a_batch_that_is_too_long_goes_in_turns(lab: Lab, sent: list[int]) -> None:
    bare = state(*skeleton())
    wanted = {**bare, **state(*many("reconciler", 9000))}
    execute(plan({}, wanted))
    assert len(sent) > 3 and stands(wanted)
    sent.clear()
    other = {**bare, **state(*many("reconciler", 3000)[5:], *many("reconciler", 5, "10.1.0.3 . 80"))}
    execute(plan(wanted, other))
    assert len(sent) == 1 and stands(other)  # all in one map, and some of it changes
    sent.clear()
    at_other_ends = [replace(e, map="publish6", value="fd00::1 . 80") for e in many("reconciler", 3000)]
    moved = {**bare, **state(*at_other_ends)}
    execute(plan(other, moved))
    assert len(sent) > 1 and stands(moved)
    execute(plan(moved, {}))
    assert stands({})


def test_what_goes_wrong_in_the_end_is_named(lab: Lab, sent: list[int]) -> None:
    """What was new and came first stands until the run that failed puts it back."""
    wanted = state(*skeleton(), *many("reconciler", 6000))
    extra = Chain(family="inet", table="reconciler", name="extra", rules=("jump nowhere",))
    with pytest.raises(KernelError, match="No such file") as caught:
        execute([*plan({}, wanted), Step("+", extra)])
    assert extra.key in caught.value.step and len(sent) > 2
    past = state(*nft.read(wanted.values()))
    assert len(past) > 6000 and not any(isinstance(r, Chain) for r in past.values())
    execute(plan(past, {}))
    assert stands({})


def test_no_room_for_what_goes_at_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "ROOM", 1 << 10)
    with pytest.raises(KernelError, match="Message too long"):
        execute([Step("+", r) for r in skeleton()])


@pytest.mark.parametrize("changes", [1, 3, 1000])
def test_somebody_else_changes_the_ruleset(lab: Lab, monkeypatch: pytest.MonkeyPatch, changes: int) -> None:
    """Between the reading and the transaction: it is read again, and made anew."""
    left, true = [changes], write.commit

    def commit(*arguments: Any) -> None:
        if left[0]:
            left[0] -= 1
            lab.nft(f"add table ip foreign{left[0]}")
        true(*arguments)

    monkeypatch.setattr(write, "commit", commit)
    parts = list(skeleton())
    if changes < 1000:
        assert by_us(*parts) and stands(state(*parts))
    else:
        with pytest.raises(KernelError, match="others keep changing"):
            execute([Step("+", r) for r in parts])
        assert stands({})
