"""FRR, by kernel/frr."""

from ...kinds.evpn import Router
from .. import frr
from .table import Kind, Readings, Requests, Step, register, remembered


def put(requests: Requests, step: Step, router: Router) -> None:
    old = step.before
    frr.write(router, requests.batch.key_file, running=isinstance(old, Router) and old.running)


@remembered(ends=False)
def routers(readings: Readings, _: str) -> list[Router]:
    return list(readings.frr())


register(
    Kind(
        of=Router,
        put=put,
        remove=lambda *_: frr.remove(),
        at_once=True,
        decode=routers,
        refuse=frr.refuse_broken,
    )
)
