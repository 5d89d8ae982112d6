"""Projects that have different parts of the one firewall: who comes or goes leaves others nothing to do."""

from textwrap import dedent

import pytest

from reconciler.core.resource import State
from reconciler.inventory.facts import Facts
from reconciler.kinds.nft import Chain, Map, Table
from reconciler.manifest.spec import Manifest
from reconciler.pipeline import compare, load
from reconciler.truth import destruction
from tests.thorough import some
from tests.unit.test_pipeline import FakeHost, run

PARTS = {
    "plain": """
        networks: {n: {}}
        containers: {a: {networks: [n]}}
        """,
    "published": """
        networks: {n: {enable_ipv6: true}}
        containers: {a: {networks: [n], ports: ['8081:80']}}
        """,
    "limited": """
        services: {a: {ports: [{target: 80, published: 8082, rate: 9/second, allow_from: [10.0.0.0/8]}]}}
        """,
    "replicas": """
        services: {a: {ports: ['8083:80'], deploy: {replicas: 2}}}
        """,
    "between": """
        networks: {n: {allow_networks: [m]}, m: {}}
        services: {a: {networks: [n]}, b: {networks: [m]}}
        """,
    "apart": """
        networks: {n: {icc: false}}
        services: {a: {networks: [n]}, b: {networks: [n]}}
        """,
    "internal": """
        networks: {n: {internal: true}}
        services: {a: {networks: [n]}}
        """,
    "routed": """
        networks: {n: {gateway_mode: routed, enable_ipv6: true}}
        services: {a: {networks: [n]}}
        """,
    "egress": """
        services: {a: {egress: ['b:80', 'outside:443']}, b: {}}
        """,
    "ingress": """
        services: {a: {}, b: {ingress: ['a:80']}}
        """,
    "names": """
        services: {a: {egress: ['api.example.com:443']}}
        """,
    "logged": """
        services: {a: {egress: [], log: true}}
        """,
    "told": """
        networks: {n: {log: true}}
        services: {a: {networks: [n]}}
        """,
    "to_host": """
        services: {a: {egress: ['host:22']}, b: {}}
        """,
}


class Router(FakeHost):
    """A host that was one before: what guards another says nothing here of who needs what."""

    known = Facts(machine="m", name="h", forwarding=(True, True))


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> dict[str, Manifest]:
    folder = tmp_path_factory.mktemp("side_by_side")
    found = {}
    for name, text in PARTS.items():
        (folder / name).mkdir()
        (file := folder / name / "m.yaml").write_text(f"name: {name}\n{dedent(text)}\n")
        found[name] = load([file])
    return found


@pytest.fixture(scope="module")
def alone(parts) -> dict[str, State]:
    """What stands where nobody else does."""
    found: dict[str, State] = {}
    for name, one in parts.items():
        run(host := Router(), one)
        found[name] = dict(host.live)
    return found


def firewall(live: State) -> set[str]:
    return {key for key, r in live.items() if isinstance(r, Table | Chain | Map)}


@pytest.mark.parametrize("kind", [FakeHost, Router])
def test_one_goes_and_comes_back_beside_all(parts, kind):
    host = kind()
    for one in parts.values():
        run(host, one)
    around = [*parts, *parts]
    for at, (name, one) in enumerate(parts.items(), 1):
        for change in (destruction(one, frozenset()), one):
            run(host, change)
            for other in some(around[at : at + 3], 3):
                assert [*map(str, compare(parts[other], host).todo)] == [], (name, other)


@pytest.mark.parametrize("name", ["plain", "limited", "replicas", "egress", "names", "logged", "told"])
def test_one_goes_and_takes_along_what_the_other_does_not_need(parts, alone, name):
    for other in some(sorted(parts.keys() - {name})):
        host = Router(alone[other].values())
        run(host, parts[name])
        assert [*map(str, compare(parts[other], host).todo)] == [], other
        run(host, destruction(parts[name], frozenset()))
        assert [*map(str, compare(parts[other], host).todo)] == [], other
        assert firewall(host.live) == firewall(alone[other]), other
