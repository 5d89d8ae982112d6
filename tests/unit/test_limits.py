"""Limits of published ports: what is decided, hours by the clock of a place, and how the kernel is told."""

from dataclasses import replace
from datetime import datetime
from math import inf
from zoneinfo import ZoneInfo

import pytest

from reconciler.cnm.build import build as built_by
from reconciler.drivers import DRIVERS, lower
from reconciler.errors import ManifestErrors
from reconciler.inventory.facts import Claim, Device, Facts
from reconciler.kernel.nft import stateful
from reconciler.kinds.nft import Element
from reconciler.kinds.published import limit_of
from reconciler.manifest.hours import mistake, spans, window
from reconciler.manifest.spec import ContainerSpec, Manifest, NetworkSpec, PortSpec, ProjectSpec
from reconciler.pipeline import load

OFFICE = "Mon-Fri 08:00-18:00 Europe/Berlin"
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 9, 21, 16, 13, 20, tzinfo=BERLIN).timestamp()


def of(*ports: PortSpec, facts: Facts | None = None, **network: object):
    web = ContainerSpec(name="web", is_service=True, ports=ports)
    whole = NetworkSpec(name="default", enable_ipv6=True, **network)
    manifest = Manifest(projects=(ProjectSpec(name="p", networks=(whole,), containers=(web,)),))
    return built_by(manifest, facts or Facts(now=lambda: MONDAY), DRIVERS)


def port(**more) -> PortSpec:
    return PortSpec(**{"target": (80, 80), "published": (8080, 8080), **more})


def elements(*ports: PortSpec, **more) -> dict[str, set[str]]:
    """What stands about limits, by map."""
    found: dict[str, set[str]] = {}
    for r in lower(of(*ports, **more)).values():
        if isinstance(r, Element) and r.limits:
            rest = f" {r.limit}" * bool(r.limit) + f" until {r.until}" * bool(r.until)
            found.setdefault(r.map, set()).add(r.item + rest)
    return found


def test_who_has_no_limits_has_no_element():
    assert elements(port()) == {}
    assert not any("limit" in key for key in lower(of(port())))


def test_sources_are_as_few_as_will_do_and_a_family_that_has_none_lets_nobody_in():
    sources = ("10.0.0.0/8", "10.1.0.0/16", "192.0.2.1/32", "192.0.2.0/32")
    found = elements(port(allow_from=sources))
    assert found["allow_from4"] == {"tcp . 8080 . 10.0.0.0/8", "tcp . 8080 . 192.0.2.0/31"}
    assert found["limited4"] == found["limited6"] == {"tcp . 8080"} and "allow_from6" not in found


def test_a_link_and_a_source_are_one_element_so_that_both_hold():
    found = elements(port(host_if="wg0", allow_from=("192.0.2.1/32",)))
    assert found["allow_by4"] == {"wg0 . tcp . 8080 . 192.0.2.1"} and "allow_from4" not in found
    assert elements(port(host_if="wg0"))["allow_by6"] == {"wg0 . tcp . 8080 . ::/0"}


def test_rate_and_connections():
    found = elements(port(rate="10/second", max_conns=50, host_ip="192.0.2.9"))
    assert found["rates_at4"] == {"192.0.2.9 . tcp . 8080 limit rate over 10/second burst 5 packets"}
    assert found["conns_at4"] == {"192.0.2.9 . tcp . 8080 ct count over 50"}
    assert found["allow_from_at4"] == {"192.0.2.9 . tcp . 8080 . 0.0.0.0/0"}
    assert elements(port(rate="7"))["rates6"] == {"tcp . 8080 limit rate over 7/second burst 5 packets"}
    words = "tcp . 8080 limit rate over 7/hour burst 2 packets"
    assert elements(port(rate="7/hour burst 2"))["rates6"] == {words}


def test_a_range_is_guarded_as_it_is_published_and_limited_as_a_whole():
    same = elements(port(target=(9000, 9002), published=(9000, 9002), max_conns=1))
    assert same["limited4_range"] == {"tcp . 9000-9002"}
    shifted = elements(port(target=(80, 82), published=(9000, 9002), max_conns=1))
    assert shifted["limited4"] == {f"tcp . {n}" for n in (9000, 9001, 9002)}
    assert same["conns4"] == shifted["conns4"] == {"tcp . 9000-9002 ct count over 1"}


def test_hours_have_an_end_and_outside_them_nobody_comes():
    evening = int(datetime(2026, 9, 21, 18, tzinfo=BERLIN).timestamp())
    now = of(port(hours=(OFFICE,)))
    assert elements(port(hours=(OFFICE,)))["allow_from4"] == {f"tcp . 8080 . 0.0.0.0/0 until {evening}"}
    assert now.turns == evening - 1
    night = Facts(now=lambda: float(evening))
    assert "allow_from4" not in elements(port(hours=(OFFICE,)), facts=night)
    assert of(port(hours=(OFFICE,)), facts=night).turns == datetime(2026, 9, 22, 8, tzinfo=BERLIN).timestamp()
    assert of(port(max_conns=1)).turns == inf


def test_whoever_limits_what_was_open_cuts_connections():
    stands = Facts(published=frozenset({Claim("p", 4, "", "tcp", 8080, 8080)}))

    def costs(facts: Facts) -> set[str]:
        found = lower(of(port(max_conns=1), facts=facts)).values()
        return {r.cost(None) for r in found if isinstance(r, Element) and r.limits}

    assert (costs(Facts()), costs(stands)) == ({"none"}, {"none", "flow"})


def test_what_can_not_be():
    with pytest.raises(ManifestErrors, match="from where nobody comes to 127.0.0.1"):
        of(port(host_ip="127.0.0.1", allow_from=("2001:db8::/32",)))
    links = Facts(links={"eth0": Device()})
    assert (
        of(port(host_if="eth0"), facts=links).warnings == of(port(host_if="lo"), facts=links).warnings == ()
    )
    [warning] = of(port(host_if="eth1"), facts=links).warnings
    assert "there is no link eth1" in warning


CNI = """
name: t
networks: {lan: {driver: cni, config: {cniVersion: 1.0.0, name: lan, plugins: [
  {type: bridge, ipam: {type: host-local, subnet: 10.7.0.0/24}},
  {type: portmap, capabilities: {portMappings: true}}]}}}
services: {web: {networks: [lan], ports: [%s]}}
"""


def test_limits_that_nobody_would_keep_are_refused(tmp_path):
    file = tmp_path / "t.yaml"
    file.write_text(CNI % '"8080:80"')
    built_by(load([file]), Facts(), DRIVERS)
    file.write_text(CNI % "{target: 80, published: 8080, max_conns: 1}")
    with pytest.raises(ManifestErrors, match="knows no limits"):
        built_by(load([file]), Facts(), DRIVERS)


def times(*texts: str, now: float) -> list[tuple[str, str]]:
    return [
        tuple(datetime.fromtimestamp(at, BERLIN).strftime("%a %H:%M %z") for at in span)
        for span in spans(texts, now)
    ]


def test_hours_follow_the_clock_of_their_place_through_summer_time():
    autumn = datetime(2026, 10, 25, 0, tzinfo=BERLIN).timestamp()  # a Sunday with 25 hours
    found = times("daily 22:00-06:00 Europe/Berlin", now=autumn)
    assert ("Sat 22:00 +0200", "Sun 06:00 +0100") in found and ("Sun 22:00 +0100", "Mon 06:00 +0100") in found
    [(first, end)] = [s for s in spans(["Sat 22:00-06:00 Europe/Berlin"], autumn) if s[0] <= autumn < s[1]]
    assert end - first == 9 * 3600
    spring = datetime(2027, 3, 28, 0, tzinfo=BERLIN).timestamp()  # there is no 02:30
    assert ("Sun 03:30 +0200", "Sun 04:00 +0200") in times("Sun 02:30-04:00 Europe/Berlin", now=spring)


def test_what_adjoins_is_one_time():
    whole = times("Sat 00:00-24:00 Europe/Berlin", "Sun 00:00-12:00 Europe/Berlin", now=MONDAY)
    assert ("Sat 00:00 +0200", "Sun 12:00 +0200") in whole


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["Mon-Fri 08:00-18:00 UTC", "Fri 17:00-19:00 UTC"], "overlap"),
        (["Sun 22:00-06:00 UTC", "Mon 05:00-07:00 UTC"], "overlap"),
        (["daily 00:00-24:00 UTC"], "all there are"),
        (["Mon-Fri 00:00-24:00 UTC", "Sat,Sun 00:00-24:00 UTC"], "all there are"),
        (["Mon 08:00-12:00 UTC", "Mon 12:00-13:00 UTC", "Mon 08:00-12:00 Asia/Tokyo"], ""),
    ],
)
def test_hours_together(texts, words):
    assert words in mistake(texts)[0] and bool(words) == bool(mistake(texts)[0])


def test_days():
    assert window("Fri-Mon 08:00-09:00 UTC").days == (0, 4, 5, 6)
    assert window("mon,wed-thu 08:00-09:00 UTC").days == (0, 2, 3)


@pytest.mark.parametrize(
    "words",
    ["limit rate over 10/second burst 5 packets", "limit rate over 1/day burst 9 packets", "ct count over 4"],
)
def test_the_kernel_says_what_it_was_told(words):
    assert stateful.said(stateful.packed(words)) == words


@pytest.mark.parametrize(
    "words",
    [
        "limit rate 10/second burst 5 packets",
        "ct count 4",
        "counter",
        "limit rate over 1/week burst 1 packets",
    ],
)
def test_what_is_no_limit(words):
    with pytest.raises(ValueError):
        stateful.packed(words)


@pytest.mark.parametrize(
    ("name", "item", "found"),
    [
        (
            "allow_by_at6",
            "wg0 . ::1 . udp . 53-54 . ::/0",
            (BY := "allow_by", (6, "::1", "udp", 53, 54), "::/0", "wg0"),
        ),
        ("limited4_range", "tcp . 80-81", ("limited", (4, "", "tcp", 80, 81), "", "")),
        ("limited_at4", "tcp . 80", None),
        ("allow_from4", "tcp . http . 10.0.0.0/8", None),
        ("allowed4", "tcp . 80", None),
    ],
)
def test_elements_tell_what_they_limit(name, item, found):
    assert limit_of(name, item) == found


def test_a_limited_port_is_not_relayed():
    from reconciler.daemon.relay.process import relayed_ports

    state = lower(of(port(), port(target=(81, 81), published=(8081, 8081), allow_from=("10.0.0.0/8",))))
    assert [*relayed_ports(state)] == [("tcp", 8080)]
    assert replace(Facts(), known=False).now() == 0


def test_limits_in_words():
    [four, six] = [
        one.limits for one in of(port(allow_from=("10.0.0.0/8",), rate="1/hour", host_if="wg0")).ports
    ]
    assert four.words == "from 10.0.0.0/8, by wg0, 1/hour burst 5"
    assert six.words == "from nobody, by wg0, 1/hour burst 5"
    shut = replace(four, sources=(), hours=("Mon 08:00-09:00 UTC",))
    assert shut.words.startswith("from nobody now, ")
