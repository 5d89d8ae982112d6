"""FRR, by kernel/frr."""

from ...kinds.evpn import Router
from .. import frr
from .table import Kind, Readings, Requests, Step, register, remembered


def put(requests: Requests, step: Step, router: Router) -> None:
    requests.flush()
    old = step.before
    frr.write(router, requests.batch.key_file, running=isinstance(old, Router) and old.running)


def remove(requests: Requests, _: Step, __: Router) -> None:
    requests.flush()
    frr.remove()


@remembered(ends=False)
def routers(readings: Readings, _: str) -> list[Router]:
    return list(readings.frr())


register(Kind(of=Router, put=put, remove=remove, decode=routers, refuse=frr.refuse_broken))
