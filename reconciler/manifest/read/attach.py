"""What a container is attached to: something that runs already, whose maker has decided all else."""

from typing import TYPE_CHECKING

from ..spec import ContainerSpec

if TYPE_CHECKING:
    from .containers import WrittenContainer


def attachment(written: "WrittenContainer", spec: ContainerSpec) -> str:
    """As `docker web`; "" where it has a namespace of its own."""
    attach = written.record.attach
    if not attach:
        return ""
    said = {kind: str(which) for kind, which in vars(attach).items() if which}
    if len(said) != 1:
        written.wrong(("attach",), "it is attached to one thing", "one of docker, podman, pid and netns")
    if not said.get("netns", "/").startswith("/"):
        written.wrong(("attach", "netns"), "it is no absolute path", "as /run/netns/NAME")
    if spec.network_mode:
        written.wrong(("network_mode",), "what is attached has a network of its own", "leave it out")
    if spec.runtime != "none":
        written.wrong(("attach",), f"it runs already, and {spec.runtime} would run another", "choose one")
    if spec.sysctls:
        written.wrong(("sysctls",), "the namespace is another's", "set them where it is made")
    if spec.replicas != 1:
        written.wrong(("attach",), "several replicas cannot be attached to one", "write one container each")
    return " ".join(next(iter(said.items()), ()))
