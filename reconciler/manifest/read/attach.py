"""What a container is attached to: something that runs already, whose maker has decided all else."""

import re
from typing import TYPE_CHECKING

from ..spec import ContainerSpec

if TYPE_CHECKING:
    from .containers import WrittenContainer

LINK = re.compile(r"[^\s/:]{1,15}")


def attachment(written: "WrittenContainer", spec: ContainerSpec) -> str:
    """As `docker web`; "" where it has a namespace of its own."""
    attach = written.record.attach
    if not attach:
        return ""
    said = {kind: str(which) for kind, which in vars(attach).items() if which}
    if len(said) != 1:
        written.wrong(("attach",), "it is attached to one thing", "one of docker, podman, pid, netns, link")
    if not said.get("netns", "/").startswith("/"):
        written.wrong(("attach", "netns"), "it is no absolute path", "as /run/netns/NAME")
    if name := said.get("link"):
        refuse_inside(written, name, spec)
    if spec.network_mode:
        written.wrong(("network_mode",), "what is attached has a network of its own", "leave it out")
    if spec.runtime != "none":
        written.wrong(("attach",), f"it runs already, and {spec.runtime} would run another", "choose one")
    if spec.sysctls:
        written.wrong(("sysctls",), "the namespace is another's", "set them where it is made")
    if spec.replicas != 1:
        written.wrong(("attach",), "several replicas cannot be attached to one", "write one container each")
    return " ".join(next(iter(said.items()), ()))


def refuse_inside(written: "WrittenContainer", name: str, spec: ContainerSpec) -> None:
    """Where the end of a pair goes all is somebody else's."""
    taken = "whoever takes the link sets it"
    if not LINK.fullmatch(name) or name in (".", ".."):
        written.wrong(("attach", "link"), "no link can be called so", "1 to 15 characters, no space, : or /")
    if len(spec.networks) > 1:
        written.wrong(("networks",), "a link leads to one network", "write one container for each")
    for end in spec.networks:
        for key in ("interface_name", "link_local_ips", "driver_opts", "routes"):
            if getattr(end, key):
                written.wrong(("networks", end.network), f"`{key}` is not ours to set there", taken)
