"""Requests to the kernel with the steps that they carry out, so that a refusal names its step."""

import errno
import socket
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...core.plan import Step
from ...errors import KernelError, NotPermitted
from ...kinds.address import Address
from ..netlink.socket import Message, send

# What a removal need not mind.
GONE = {errno.ENODEV, errno.ENOENT, errno.ESRCH, errno.EADDRNOTAVAIL, errno.ENXIO}
ROOT = "run as root (CAP_NET_ADMIN and CAP_SYS_ADMIN)"


class StepMessage(NamedTuple):
    """A message and the step that it carries out."""

    step: Step
    message: Message


class Moved(NamedTuple):
    """An address whose neighbours are to be told; `end` is the host's end of its pair, where that is new."""

    address: Address
    end: str = ""


def refused(step: Step, number: int, words: str) -> KernelError | NotPermitted:
    if number in (errno.EPERM, errno.EACCES):
        return NotPermitted(f"{step}: {words}", ROOT, step.resource.where)
    return KernelError(str(step), number, words, step.resource.where)


def complaints(
    channel: socket.socket, requests: Sequence[StepMessage]
) -> Iterator[tuple[Step, KernelError | NotPermitted]]:
    """Send a batch; the steps that were refused, where that matters."""
    for refusal in send(channel, [request.message for request in requests]):
        step, message = requests[refusal.at]
        if not ((step.op == "-" or message.deletes) and refusal.number in GONE):
            yield step, refused(step, refusal.number, refusal.words)


def post(channel: socket.socket, requests: Sequence[StepMessage]) -> None:
    """Send a batch; raise for the first refusal that matters."""
    for _, refusal in complaints(channel, requests):
        raise refusal


def post_for(step: Step, channel: socket.socket, messages: Sequence[Message]) -> None:
    """As `post`, for messages of one step: without an envelope for each."""
    for refusal in send(channel, messages):
        if not (messages[refusal.at].deletes and refusal.number in GONE):
            raise refused(step, refusal.number, refusal.words)
