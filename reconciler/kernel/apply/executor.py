"""Steps on all but the firewall, carried out place by place, each as its kind says."""

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from functools import partial
from itertools import groupby

from ...core.plan import Step
from ...core.reconcile import Refusals
from ...errors import KernelError
from ...kinds.address import Address
from ...kinds.link import Link
from ...kinds.namespace import Namespace
from ...kinds.ownership import HOST
from .. import attached, netns, records
from ..kinds import KINDS
from ..kinds.namespace import record
from ..netlink.socket import open_socket
from ..observe.readings import reading_name
from .batch import Batch, Join, Requests, refusing
from .requests import GONE, refused


def enters(step: Step) -> bool:
    return KINDS[type(step.resource)].enters(step)


def entered(steps: Iterable[Step]) -> Iterator[str]:
    """The places that these steps change inside."""
    return (step.resource.place for step in steps if enters(step))


def readings_apart(steps: Iterable[Step]) -> Iterator[tuple[str, str]]:
    """The readings that alone tell of all that they change in a sandbox, each with its place."""
    found: dict[str, list[Callable[..., object] | None]] = {}
    for step in steps:
        found.setdefault(step.resource.place, []).append(KINDS[type(step.resource)].apart)
    return (
        (reading_name(one), place) for place, all_of in found.items() if all(all_of) for one in all_of if one
    )


def execute(
    steps: Sequence[Step],
    key_file: str = "",
    progress: Callable[[], None] = lambda: None,
    join: Join = attached.join,
) -> Refusals:
    """What sandboxes refused that stood before, and what a LAN refused to any; `key_file` holds WireGuard's
    private key, `progress` is called with each place, and `join` enters a namespace of others."""
    made = (step.resource for step in steps if step.op == "+")
    new = {r.name: r for r in made if isinstance(r, Namespace)}
    if new:
        netns.prepare()
    with (
        netns.kept() as home,
        open_socket() as host,
        closing(Batch(home, host, key_file, new, join)) as batch,
    ):
        refuse_claimed(steps, batch)
        for (place, _), group in groupby(steps, key=partial(visit, batch)):
            progress()
            execute_in(place, batch, list(group))
        batch.finish()
    return batch.refusals


def visit(batch: Batch, step: Step) -> tuple[str, bool]:
    """A place, which is another one before and after it is replaced."""
    place = step.resource.place
    return place, step.op == "-" and place in batch.new


def refuse_claimed(steps: Sequence[Step], batch: Batch) -> None:
    """What another machine of a LAN has is not taken: the sandbox is left as it is; raises for the host."""
    new = ((s, s.resource) for s in steps if s.op == "+" and s.old is None)
    wanted = {(r.lan, r.tag, r.ip): step for step, r in new if isinstance(r, Address) and r.lan}
    if not wanted:
        return
    from .claims import claimed  # which few need pay for

    for asked, mac in claimed(wanted, batch.host).items():
        step, (lan, tag, ip) = wanted[asked], asked
        on = f"{lan} in VLAN {tag}" if tag else lan
        words = f"{ip} is taken: a machine with the MAC {mac} answers for it on {on}"
        error = KernelError(str(step), errno.EADDRINUSE, words, step.resource.where)
        if not step.resource.place:
            raise error
        batch.refusals.setdefault(step.resource.place, error)


def execute_in(place: str, batch: Batch, steps: list[Step]) -> None:
    """Everything of one place; a new namespace gets its name when all of it stands."""
    removals = [step for step in steps if step.op == "-" and not left_to_batch(step, batch)]
    builds = [step for step in steps if step.op != "-"]
    if builds or any(step.resource.lasting for step in removals):
        batch.delete_links()
    batch.ends += [(step, end) for step in builds if (end := KINDS[type(step.resource)].host_end)]
    builds = [step for step in builds if enters(step)]
    outside = [step for step in removals if "-" in KINDS[type(step.resource)].from_outside]
    if not place:
        carry_out(removals + builds, Requests(batch, batch.host, HOST))
    elif builds or (len(outside) < len(removals) and netns.exists(place)):
        execute_inside(place, batch, removals + builds)
    else:  # nobody need go in, or all else went with the namespace
        carry_out(outside, Requests(batch, batch.host, HOST))


def left_to_batch(step: Step, batch: Batch) -> bool:
    """Leave it to the batch if it removes a link by an end on the host, and tell whether it does."""
    name = step.resource.host_end if isinstance(step.resource, Link) else ""
    if name:
        batch.delete(step, name)
    return bool(name)


def execute_inside(place: str, batch: Batch, steps: list[Step]) -> None:
    if place in batch.refusals:
        return
    new = batch.new.get(place) if steps[-1].op != "-" else None
    foreign = new is not None and bool(new.attached)
    try:
        with batch.confined(place) if foreign else nullcontext(), refusing(steps[0]):
            enter(place, new, batch.join)
        if place in batch.refusals:  # whose namespace it was has gone with it
            return
        with batch.confined(place), refusing(steps[0]):
            with open_socket() as channel:
                carry_out(steps, Requests(batch, channel, place, new=new is not None and not foreign))
            if new:
                records.publish(place, record(new))
    finally:
        netns.back(batch.home)


def enter(place: str, new: Namespace | None, join: Join) -> None:
    if not new:
        netns.enter(place)
    elif new.attached:
        join(new.path, new.attached)
    else:
        netns.make()


def carry_out(steps: Iterable[Step], requests: Requests) -> None:
    for step in steps:
        kind = KINDS[type(step.resource)]
        try:
            if kind.at_once:
                requests.flush()
            act = kind.remove if step.op == "-" else kind.put
            act(requests, step, step.resource)
        except OSError as error:
            if not (step.op == "-" and error.errno in GONE):
                raise refused(step, error.errno or errno.EIO, error.strerror or str(error)) from error
    requests.finish()
