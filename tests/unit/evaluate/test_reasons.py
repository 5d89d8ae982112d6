"""Each rule that refuses says why, in words that people read; no words are of a rule that went."""

import pytest

from reconciler.drivers.firewall.reasons import REASONS, reason
from reconciler.evaluate.language import read
from reconciler.evaluate.statements import Choose, Decide
from tests.unit.evaluate.rulesets import chains

REFUSING = ("drop", "reject")


def refuses(rule: str) -> bool:
    decisions = [one for one in read(rule).statements if isinstance(one, Decide)]
    decisions += [said for one in read(rule).statements if isinstance(one, Choose) for _, said in one.pairs]
    return any(one.word in REFUSING for one in decisions)


SAID = [(chain.name, rule) for chain in chains() for rule in chain.rules if refuses(rule)]


@pytest.mark.parametrize("chain, rule", SAID)
def test_who_refuses_says_why(chain, rule):
    assert reason(chain, rule), "write it into drivers/firewall/reasons.py"


def test_no_words_are_left_of_rules_that_went():
    known = set(SAID)
    names = {chain for chain, _ in known}
    assert set(REASONS) <= names
    assert {(chain, rule) for chain, said in REASONS.items() for rule in said if rule} <= known
