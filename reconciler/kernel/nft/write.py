"""One batch of steps is one transaction: it happens whole or not at all."""

import errno
import os
import re
from collections.abc import Sequence

from ...core.plan import Step
from ...errors import KernelError
from ...kinds.nft import Element, Map, Table, path
from . import library
from .read import published, shapes
from .text import Line, transaction
from .wire import generation

LOCATED = re.compile(r"[^:\s]*:(\d+):\d+-\d+: Error: (.*)")
NUMBERS = {os.strerror(number): number for number in errno.errorcode}


def execute(steps: Sequence[Step]) -> None:
    """Raises KernelError, naming the step where it can be told; nothing of the transaction has happened then.

    After the commit, connections through published ports that changed are forgotten, so that they go where
    the maps say now.
    """
    from ..netlink import conntrack  # half a millisecond that no plan need pay

    elements = [(s.resource, s.op) for s in steps if isinstance(s.resource, Element)]
    lines = transaction(steps, shapes(path(element) for element, _ in elements))
    if not lines:
        return
    torn = [path(s.resource) for s in steps if s.op == "-" and isinstance(s.resource, Table | Map)]
    lost = [(flow, "") for flow in published(torn)]
    commit(lines)
    now = [(flow, "" if op == "-" else element.value) for element, op in elements if (flow := element.flow)]
    conntrack.forget([*lost, *now])


def commit(lines: Sequence[Line]) -> None:
    before = generation()
    answer = library.in_child(lambda: library.run("\n".join(line.text for line in lines)))
    if not answer.accepted:
        raise refusal(lines, answer)
    if generation() == before:
        raise KernelError("the firewall transaction", 0, "accepted, and nothing was committed")


def refusal(lines: Sequence[Line], answer: library.Answer) -> KernelError:
    """The step of the first line that was refused, else the whole batch."""
    located = LOCATED.search(answer.words)
    if not located or not 0 < int(located[1]) <= len(lines):
        return KernelError("the firewall transaction", 0, answer.complaint)
    step, words = lines[int(located[1]) - 1].step, located[2]
    return KernelError(str(step), NUMBERS.get(words.rpartition(": ")[2], 0), words, step.resource.where)
