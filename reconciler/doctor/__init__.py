"""What on this host will bite, of what is known of it.  Pure: each check looks at an examination."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..inventory.vitals import Untold
from . import firewall, limits, managers, packages, passage, routing
from .finding import Examination, Finding


class Check(NamedTuple):
    """`id` is for programs, `title` for people."""

    id: str
    group: str
    title: str
    look: Callable[[Examination], Iterator[Finding]]


CHECKS = (
    Check("foreign-chains", "firewall", "chains of others that drop", firewall.foreign_chains),
    Check("br-netfilter", "firewall", "br_netfilter", firewall.bridged),
    Check("forwarding", "routing", "forwarding", routing.forwarding),
    Check("forwarding-at-boot", "routing", "what is set at boot", routing.forwarding_at_boot),
    Check("deaf-links", "routing", "links that forward nothing", routing.deaf_links),
    Check("rp-filter", "routing", "rp_filter", routing.strict_reverse_paths),
    Check("managers", "managers", "programs that grab links", managers.grabbing),
    Check("packages", "packages", "what is not installed", packages.missing),
    Check("inotify", "limits", "inotify", limits.inotify),
    Check("conntrack", "limits", "connections that are tracked", limits.conntrack),
    Check("neighbours", "limits", "neighbour tables", limits.neighbours),
    Check("open-files", "limits", "open files", limits.open_files),
    Check("tunnel-mtu", "paths", "MTU of tunnels", passage.tunnels),
    Check("path-mtu", "paths", "path MTU discovery", passage.discovery),
    Check("metadata", "paths", "metadata services", passage.metadata),
)


class Diagnosis(NamedTuple):
    """What one check has found, or why it could not look."""

    check: Check
    findings: tuple[Finding, ...] = ()
    untold: str = ""

    @property
    def state(self) -> str:
        return "unknown" if self.untold else "finding" if self.findings else "ok"


def diagnoses(examination: Examination) -> list[Diagnosis]:
    return [diagnosis(check, examination) for check in CHECKS]


def diagnosis(check: Check, examination: Examination) -> Diagnosis:
    try:
        return Diagnosis(check, tuple(check.look(examination)))
    except Untold as why:
        return Diagnosis(check, untold=str(why))
