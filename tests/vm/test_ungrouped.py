"""Links of the kinds that not every kernel has, whose group somebody has changed."""

import pytest

from tests.netns import test_ungrouped
from tests.netns.lab import Lab

KINDS = ("dummy", "ipvlan", "vlan")


@pytest.mark.parametrize("what", KINDS)
def test_each_kind_of_link_is_known_again(lab: Lab, what: str) -> None:
    test_ungrouped.test_each_kind_of_link_is_known_again(lab, what, 0)


@pytest.mark.parametrize("what", KINDS)
def test_and_goes_when_nobody_wants_it(lab: Lab, what: str) -> None:
    test_ungrouped.test_and_goes_when_nobody_wants_it(lab, what)
