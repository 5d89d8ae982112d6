"""`ports`: the short and the long syntax, and what they mean."""

import pytest


def short(desk, text):
    (port,) = desk.service(f"ports: [{text!r}]").ports
    return port.host_ip, port.published, port.target, port.protocol


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3000", ("", None, (3000, 3000), "tcp")),
        ("3000-3005", ("", None, (3000, 3005), "tcp")),
        ("8000:8000", ("", (8000, 8000), (8000, 8000), "tcp")),
        ("9090-9091:8080-8081", ("", (9090, 9091), (8080, 8081), "tcp")),
        ("49100:22", ("", (49100, 49100), (22, 22), "tcp")),
        ("8000-9000:80", ("", (8000, 9000), (80, 80), "tcp")),
        ("80-80:8080/tcp", ("", (80, 80), (8080, 8080), "tcp")),
        ("127.0.0.1:8001:8001", ("127.0.0.1", (8001, 8001), (8001, 8001), "tcp")),
        ("127.0.0.1:5000-5010:5000-5010", ("127.0.0.1", (5000, 5010), (5000, 5010), "tcp")),
        ("127.0.0.1::80", ("127.0.0.1", None, (80, 80), "tcp")),
        (":80", ("", None, (80, 80), "tcp")),
        ("0:80", ("", None, (80, 80), "tcp")),
        ("::1:6000:6000", ("::1", (6000, 6000), (6000, 6000), "tcp")),
        ("[::1]:6001:6001", ("::1", (6001, 6001), (6001, 6001), "tcp")),
        ("[2001:DB8::0:1]:1:1", ("2001:db8::1", (1, 1), (1, 1), "tcp")),
        (":::80:80", ("::", (80, 80), (80, 80), "tcp")),
        ("6060:6060/udp", ("", (6060, 6060), (6060, 6060), "udp")),
        ("80-82:8080/UDP", ("", (80, 82), (8080, 8080), "udp")),
        ("5000:5000/sctp", ("", (5000, 5000), (5000, 5000), "sctp")),
    ],
)
def test_short_syntax(desk, text, expected):
    assert short(desk, text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no container port"),
        (":", "no container port"),
        ("8080:", "no container port"),
        ("9999999", "container port 9999999 is out of range"),
        ("0", "container port 0 is out of range"),
        ("65536:1", "host port 65536 is out of range"),
        ("80/xyz", "'xyz' is no protocol"),
        ("tcp", "'tcp' is no container port"),
        ("80-90:8080-8081", "11 host ports for 2 container ports"),
        ("80:8080-8081", "1 host ports for 2 container ports"),
        ("90-80:1", "host port 90-80 runs backwards"),
        ("1.2.3:80:80", "'1.2.3' is no address of the host"),
        ("localhost:80:80", "'localhost' is no address of the host"),
        ("-1", "'-1' is no container port"),
        ("80:80:80:80", "is no address of the host"),
        ("80 80", "is no container port"),
    ],
)
def test_short_syntax_refused(desk, text, message):
    error = desk.only(f"services: {{web: {{ports: [{text!r}]}}}}")
    assert message in error.message and error.where.path.startswith("services.web.ports[0]")


def test_numbers_are_ports(desk):
    assert [port.target for port in desk.service("ports: [80, 443]").ports] == [(80, 80), (443, 443)]


@pytest.mark.parametrize("text", ["80.5", "true", "[80]", "-1"])
def test_what_is_no_port(desk, text):
    desk.only(f"services: {{web: {{ports: [{text}]}}}}")


def test_long_syntax(desk):
    (port,) = desk.service(
        "ports: [{name: web, target: 80, host_ip: 127.0.0.1, published: '8080', protocol: udp, mode: host,"
        " app_protocol: http, x-mine: 1}]"
    ).ports
    assert (port.name, port.target, port.host_ip, port.published) == (
        "web",
        (80, 80),
        "127.0.0.1",
        (8080, 8080),
    )
    assert (port.protocol, port.mode) == ("udp", "host")


def test_long_syntax_defaults(desk):
    (port,) = desk.service("ports: [{target: 80}]").ports
    assert (port.published, port.host_ip, port.protocol, port.mode) == (None, "", "tcp", "ingress")


def test_long_syntax_offers_a_range_to_choose_from(desk):
    (port,) = desk.service("ports: [{target: '80', published: '8083-9000'}]").ports
    assert (port.target, port.published) == ((80, 80), (8083, 9000))


def test_our_own_keys(desk):
    (port,) = desk.service(
        "ports: [{target: 80, host_if: eth0, allow_from: [10.0.0.0/8, 192.0.2.1], rate: 100/second,"
        " max_conns: 5}]"
    ).ports
    assert port.allow_from == ("10.0.0.0/8", "192.0.2.1/32")
    assert (port.host_if, port.rate, port.max_conns) == ("eth0", "100/second", 5)
    (port,) = desk.service(
        "ports: [{target: 80, allow_from: 192.0.2.1, rate: 5/minute  burst 9, hours: daily 22:00-06:00 UTC}]"
    ).ports
    assert (port.allow_from, port.rate) == (("192.0.2.1/32",), "5/minute burst 9")
    assert port.hours == ("daily 22:00-06:00 UTC",)


def test_one_port_with_two_limits_is_not_left_out(desk):
    assert len(desk.service("ports: ['8080:80', {target: 80, published: 8080, max_conns: 1}]").ports) == 2


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{published: 80}", "`target` is missing"),
        ("{target: 80, mode: hots}", "no value of `mode`"),
        ("{target: 80, publishd: 1}", "unknown key `publishd`"),
        ("{target: 80, host_ip: nope}", "is no address of the host"),
        ("{target: 80-81, published: 80-82}", "3 host ports for 2 container ports"),
        ("{target: 80, allow_from: [10.0.0.1/8]}", "has bits beyond its length"),
        ("{target: 80, host_if: 'a b'}", "is no interface name"),
        ("{target: 80, rate: fast}", "is no rate"),
        ("{target: 80, rate: 0/second}", "a rate of 0"),
        ("{target: 80, rate: 1/second burst 0}", "a burst of 0"),
        ("{target: 80, rate: 9999999}", "a rate of 9999999"),
        ("{target: 80, rate: ''}", "`rate` is empty"),
        ("{target: 80, max_conns: -1}", "-1 is too small"),
        ("{target: 80, allow_from: []}", "`allow_from` is empty"),
        ("{target: 80, allow_from: ['']}", "no source"),
        ("{target: 80, allow_from: ['::192.0.2.1']}", "nobody has any more"),
        ("{target: 80, allow_from: office}", "is no IP address"),
        ("{target: 80, hours: always}", "are no hours"),
        ("{target: 80, hours: 'Mon 08:00-25:00 UTC'}", "no clock shows 08:00-25:00"),
        ("{target: 80, hours: 'Mon 08:00-08:00 UTC'}", "ends as it begins"),
        ("{target: 80, hours: 'Mon 08:00-09:00 Mars/Base'}", "there is no time zone Mars/Base"),
        ("{target: 80, hours: 'Moon 08:00-09:00 UTC'}", "'Moon' is no day"),
        ("{target: 80, hours: [Mon 08:00-09:00 UTC, Mon 08:30-10:00 UTC]}", "overlap"),
        ("{target: 80, hours: []}", "`hours` is empty"),
    ],
)
def test_long_syntax_refused(desk, entry, message):
    assert message in desk.only(f"services: {{web: {{ports: [{entry}]}}}}").message


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["8080:80", "8080:80/tcp", "0.0.0.0:8080:80"], [((8080, 8080), (80, 80))]),
        (["80", "80"], [(None, (80, 80))]),
        (["80", "80/udp"], [(None, (80, 80)), (None, (80, 80))]),
        (["8000-8002:8000-8002", "8001:8001"], [((8000, 8002), (8000, 8002))]),
        (
            ["8001:8001", "8000-8002:8000-8002"],
            [((8001, 8001),) * 2, ((8000, 8000),) * 2, ((8002, 8002),) * 2],
        ),
        (["8000-8001:80-81", "8001-8003:81-83"], [((8000, 8001), (80, 81)), ((8002, 8003), (82, 83))]),
        (["8000-8009:80", "8000-8009:80"], [((8000, 8009), (80, 80))]),
    ],
)
def test_what_is_said_twice_is_one_port(desk, entries, expected):
    ports = desk.service(f"ports: {entries}").ports
    assert [(port.published, port.target) for port in ports] == expected


def test_one_host_port_for_two_targets_is_a_conflict(desk):
    assert (
        "80/tcp is taken: shop-web-1 publishes it"
        in desk.only("services: {web: {ports: ['80:80', '80:81']}}").message
    )


def test_ports_know_their_place(desk):
    port = desk.service("ports:\n  - '80'\n  - target: 81").ports[1]
    assert (port.where.line, port.where.column, port.where.path) == (6, 9, "services.web.ports[1]")


@pytest.mark.parametrize(
    ("text", "ok"), [("3000", True), ("8000-8005/tcp", True), ("53/udp", True), ("a", False), ("1/x", False)]
)
def test_expose(desk, text, ok):
    if ok:
        assert desk.service(f"expose: ['{text}']").expose == (text,)
    else:
        desk.only(f"services: {{web: {{expose: ['{text}']}}}}")
