"""Law 7 for the kinds that not every kernel has.  All others pass here too, in five minutes."""

import pytest

from tests.netns import test_readback
from tests.netns.specimens import SPECIMENS, Specimen
from tests.netns.test_readback import host

__all__ = ["host"]


@pytest.mark.parametrize("specimen", [one for one in SPECIMENS if one.feature], ids=str)
def test_reads_back(host: None, specimen: Specimen) -> None:
    test_readback.test_reads_back(None, specimen)
