"""Every rule that we write can be read; what cannot is named, never guessed."""

import pytest

from reconciler.errors import Unjudged
from reconciler.evaluate.language import read
from reconciler.evaluate.statements import Aside, Assign, Choose, Compare, Decide, Fill, Limited, Translate
from tests.unit.evaluate.rulesets import chains

RULES = sorted({rule for chain in chains() for rule in chain.rules})


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_can_be_read(rule):
    assert read(rule).statements


@pytest.mark.parametrize("rule", RULES)
def test_of_every_rule_nothing_is_overlooked(rule):
    """It ends in what decides, remembers, or changes the packet."""
    assert isinstance(read(rule).statements[-1], Decide | Choose | Fill | Assign | Aside | Translate)


KNOWN = {
    "ip saddr vmap @names_of4": [Choose],
    "meta l4proto vmap { udp : goto said_udp, icmpv6 : goto said_icmpv6 }": [Choose],
    "ip saddr . ip daddr . meta l4proto . th dport @allow4 accept": [Compare, Decide],
    "ip saddr @policed4 meta l4proto tcp reject with tcp reset": [Compare, Compare, Decide],
    "ip saddr @policed4 reject with icmpx admin-prohibited": [Compare, Decide],
    "tcp dport { 443 } ip daddr @names-agent-4 update @names-agent-4 { ip daddr } accept": [
        Compare,
        Compare,
        Fill,
        Decide,
    ],
    "meta l4proto . th dport @rates drop": [Compare, Decide],
    "limit rate over 10/second burst 20 packets drop": [Limited, Decide],
    "icmpv6 type { 133-136 } accept": [Compare, Decide],
    "tcp dport != 80-90 drop": [Compare, Decide],
    "udp sport > 547 return": [Compare, Decide],
    "ct state established,related accept": [Compare, Decide],
    "redirect to :5353": [Translate],
    'iifname "ve*" jump inner': [Compare, Decide],
}


@pytest.mark.parametrize("rule", KNOWN)
def test_what_others_write_is_read_too(rule):
    assert [type(one) for one in read(rule).statements] == KNOWN[rule]


@pytest.mark.parametrize(
    "rule",
    ["osf name Linux drop", "ip saddr", "tcp dport 80 fly", "dnat", "ip saddr @a . ip daddr drop", "{"],
)
def test_what_nobody_knows_is_named(rule):
    with pytest.raises(Unjudged) as caught:
        read(rule)
    assert f"`{rule}`" in str(caught.value)
