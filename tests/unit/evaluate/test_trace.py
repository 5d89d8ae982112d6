"""What --trace says of the examples, as manifests want them, on a host of which nothing else is known."""

import pytest

from reconciler.cli.trace import Traced
from reconciler.cli.traced import Telling
from reconciler.errors import UsageError
from tests.golden.test_golden import ROOT, change
from tests.schemas import Checked


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def told(case: str, origin: str, target: str) -> tuple[bool, str]:
    traced = Traced(origin, target, change(f"manifests/{case}"), wanted=True)
    telling = Telling(traced)
    assert Checked("trace").faults(telling.json()) == []
    return traced.open, "\n".join(telling.lines())


OPEN = [
    ("two-tiers", "outside", "web:80", "published on the host as 8080/tcp   manifests/two-tiers.yaml:14:13"),
    ("two-tiers", "web", "db:5432", "they are on one network: shop_back   manifests/two-tiers.yaml:7:3"),
    ("two-tiers", "db", "web:80", "the service's address leads to a replica"),
    ("two-tiers", "web", "outside:443", "it leaves by the host's own address"),
    ("two-tiers", "host", "web:80", "127.0.0.1:8080 -> shop-web-1"),
    ("two-tiers", "web", "host:53/udp", "the gateway answers for names"),
    ("two-tiers", "shop-db-1", "database/icmp", "shop-db-1"),
    ("isolation", "outside", "router:80", "published at its own address"),
    ("publish", "host", "web:81", "published on the host as 127.0.0.1:8081/tcp"),
    ("publish", "outside", "web:9050", "published on the host as 9000-9099/tcp"),
    ("replicas", "outside", "web:80", "one of 3"),
    ("macvlan", "outside", "sensor:80", ""),
]
CLOSED = [
    (
        "two-tiers",
        "outside",
        "db:5432",
        "nothing publishes 5432/tcp of shop-db-1   manifests/two-tiers.yaml:15:3",
    ),
    (
        "two-tiers",
        "db",
        "outside:443",
        "is on internal networks alone: shop_back   manifests/two-tiers.yaml:7:3",
    ),
    ("two-tiers", "web", "host:22", "containers reach what the host publishes, not what it serves"),
    ("isolation", "a", "b:80", "icc: false"),
    ("isolation", "router", "a:80", "are on no network together   manifests/isolation.yaml:"),
    ("isolation", "outside", "router:81", "nothing publishes 81/tcp of zones-router"),
    ("publish", "outside", "web:81", "addresses of loopback are nobody's beyond the own host"),
]


@pytest.mark.parametrize("case, origin, target, words", OPEN)
def test_open(case, origin, target, words):
    able, text = told(case, origin, target)
    assert able and words in text, text
    assert text.startswith(f"{origin} reaches {target}: open\n")


@pytest.mark.parametrize("case, origin, target, words", CLOSED)
def test_closed(case, origin, target, words):
    able, text = told(case, origin, target)
    assert not able and words in text, text
    assert text.startswith(f"{origin} does not reach {target}: closed\n")


@pytest.mark.parametrize(
    "origin, target, words",
    [
        ("nix", "web:80", "nothing here is called 'nix'"),
        ("web", "dbb:80", "did you mean 'db'?"),
        ("web", "db", "names no port"),
        ("web", "db:0", "names no port"),
        ("web", "db:70000", "names no port"),
        ("web", "db:80/icmp", "names a port, and icmp has none"),
        ("web", "db:80/xx", "'xx' is no protocol"),
        ("web", ":80", "nothing here is called ''"),
    ],
)
def test_what_cannot_be_asked(origin, target, words):
    with pytest.raises(UsageError) as caught:
        told("two-tiers", origin, target)
    assert words in f"{caught.value} {caught.value.hint}"
