"""The line as a watcher runs it: what it reads, by what limits, and what it leaves alone meanwhile."""

from functools import partial

from ..kernel.lock import latest, lock
from ..lasting import LastingHost
from ..pipeline import compare
from ..safety.commit_confirm import waiting_meanwhile
from ..safety.limits import refuse
from .orders import Orders
from .outcome import Pipeline
from .past import Past
from .reader import ManifestReader


def line(orders: Orders, host: LastingHost, reader: ManifestReader, past: Past) -> Pipeline:
    return Pipeline(
        host,
        reader,
        partial(compare, host=host, terms=orders.terms),
        partial(refuse, limits=orders.limits),
        lock,
        latest,
        past.last_good,
        waiting_meanwhile,
    )
