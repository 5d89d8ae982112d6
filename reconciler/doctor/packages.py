"""What has to be installed: for what the manifests ask for, and for what nearly all do."""

from collections.abc import Iterator

from .finding import Examination, Finding

ALWAYS = ("names", "nftables")  # the first unless a project says `dns: off`
WORDS = {
    "names": "containers are told of no names but those in their hosts file",
    "nftables": "nothing can be published, and no network kept from another: every apply is refused",
    "host names": "the host itself is told of no container's name",
    "evpn": "networks with `reachability: evpn` wait",
    "wireguard": "encrypted overlays wait",
}


def missing(host: Examination) -> Iterator[Finding]:
    """Each feature that is wanted and lacks something."""
    for feature in sorted({*ALWAYS, *host.needs}):
        if lack := host.facts.missing.get(feature):
            why = WORDS.get(feature, "projects that ask for it wait, while others are applied")
            mend = lack if lack.startswith("apt ") else f"# {lack}"
            yield Finding(f"nothing here for {feature}", why, mend)
