"""Egress by name: what lists come to, and what who answers is told."""

import pytest

from reconciler.cnm.build import build
from reconciler.cnm.naming import DnsView
from reconciler.drivers import DRIVERS
from reconciler.drivers.names import digest_of, questions
from reconciler.inventory.facts import Facts
from reconciler.kinds import named
from reconciler.pipeline import load

FACTS = Facts(nameservers=("192.0.2.53",), servers=("192.0.2.53",))
HTTPS = (6, (443, 443))


def views(tmp_path, above: str = "", **egress: str) -> dict[str, DnsView]:
    file = tmp_path / "t.yaml"
    lines = "".join(f"  {name}: {{networks: [n], egress: {said}}}\n" for name, said in egress.items())
    file.write_text(f"{above}name: t\nnetworks: {{n: }}\ncontainers:\n{lines}")
    found = build(load([str(file)], environ={}), FACTS, DRIVERS).naming.views
    return {name.removeprefix("t-"): view for view in found for name in view.sandboxes}


def listed(tmp_path, egress: str) -> list[tuple[str, bool, bool, tuple]]:
    found = views(tmp_path, web=egress)["web"].listed or ()
    return [(one.name, one.itself, one.below, one.ports) for one in found]


@pytest.mark.parametrize(
    ("egress", "found"),
    [
        ("[api.x.com]", [("api.x.com", True, False, (HTTPS,))]),
        ("[API.x.com., 'api.x.com:443/tcp']", [("api.x.com", True, False, (HTTPS,))]),
        ("['*.x.com']", [("x.com", False, True, (HTTPS,))]),
        ("['*.x.com', x.com]", [("x.com", True, True, (HTTPS,))]),
        ("['*.x.com', api.x.com, '*.y.x.com']", [("x.com", False, True, (HTTPS,))]),
        ("['x.com:443,444-446/udp', 'x.com:400-450/udp']", [("x.com", True, False, ((17, (400, 450)),))]),
        ("[x.com/udp, x.com/icmp]", [("x.com", True, False, ((0, (0, 65535)), (17, (443, 443))))]),
        ("[]", []),
    ],
)
def test_lists_add_up_and_none_is_below_another(tmp_path, egress, found):
    assert listed(tmp_path, egress) == found


def test_who_lists_the_same_shares_all_and_who_does_not_the_sets_alone(tmp_path):
    one = views(tmp_path, a="[x.com, y.com]", b="[y.com, x.com]", c="[x.com]", d="['x.com:80']", e="[]")
    assert one["a"] is one["b"]
    assert len({one[name].name for name in "acde"}) == 4
    sets = {name: {digest_of("t", each) for each in one[name].listed or ()} for name in "acd"}
    assert sets["c"] == sets["d"] < sets["a"]
    assert (one["e"].listed, one["e"].servers) == ((), ())


def test_a_name_whose_line_moves_is_told_by_the_new_one(tmp_path):
    """Also in a watcher, which has read the same list before."""
    for above, line in (("", 4), ("# more\n", 5)):
        [one] = views(tmp_path, above, a="[moved.com]")["a"].listed or ()
        assert one.where.line == line


def test_nobody_is_asked_for_anything_else(tmp_path):
    view = views(tmp_path, a="[x.com, '*.y.com']")["a"]
    assert set(questions(view, ())) == {
        "server=/#/",
        "server=/x.com/192.0.2.53",
        "server=/*.x.com/",
        "server=/*.y.com/192.0.2.53",
    }
    assert set(questions(view, ("x.com",))) == {"server=/#/", "server=/*.y.com/192.0.2.53"}


@pytest.mark.parametrize("ports", [(), ((443, 443),), ((80, 80), (443, 450))])
def test_a_rule_is_read_as_it_was_said(ports):
    one = named.ByName(named.set_of("0123456789ab", 6), 6, ports)
    assert named.heard(named.said(one, named.seen_of("c", 6))) == one
    assert named.heard("goto unnamed") is None
