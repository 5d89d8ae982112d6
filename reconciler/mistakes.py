"""What may be wrong with a manifest, by the rule that finds it; `docs/errors.md` tells of each."""

from .errors import ManifestError


class NotYaml(ManifestError):
    """The text is no YAML, or more of it than anybody writes by hand."""

    id = "R0101"


class NoFile(ManifestError):
    """A file that belongs to a manifest is missing, or cannot be read."""

    id = "R0102"


class NoValue(ManifestError):
    """A variable, or a host, has no such value, or it is written as none."""

    id = "R0103"


class WrongValue(ManifestError):
    """A key that nobody knows, or a value that it cannot have."""

    id = "R0104"


class Contradiction(ManifestError):
    """Two things are written of which one alone can be."""

    id = "R0105"


class NoSuchName(ManifestError):
    """A name is written that nothing has, or several have."""

    id = "R0106"


class WrongAddress(ManifestError):
    """An address that cannot be on its network."""

    id = "R0107"


class NoRoom(ManifestError):
    """Nothing is free any more of what is given out."""

    id = "R0108"


class SubnetTaken(ManifestError):
    """A subnet overlaps another network, or a route of the host."""

    id = "R0109"


class AddressTaken(ManifestError):
    """Somebody else has the address or the MAC."""

    id = "R0110"


class PortTaken(ManifestError):
    """Somebody else has the port of the host."""

    id = "R0111"


class NameTaken(ManifestError):
    """Somebody else has the name of a sandbox, a network or a link."""

    id = "R0112"


class OtherFolder(ManifestError):
    """The project stands from another folder."""

    id = "R0113"


class NoPlace(ManifestError):
    """No host of `hosts:` is this machine, or may have the container."""

    id = "R0114"


class WrongLock(ManifestError):
    """`addresses.lock` lacks lines, or says what no `--lock` has written."""

    id = "R0115"


class NotYet(ManifestError):
    """A key that nothing acts on yet."""

    id = "R0116"


class EngineLacks(ManifestError):
    """The engine has no way for a key, or is not on this host."""

    id = "R0117"


class NetworkLacks(ManifestError):
    """The driver of the network has no way for what is written."""

    id = "R0118"


class WrongTunnel(ManifestError):
    """A network over several hosts cannot be made as it is written."""

    id = "R0119"


class WrongMtu(ManifestError):
    """The links below have no room for packets of that size."""

    id = "R0120"


class Unmet(ManifestError):
    """What `expect:` says is not so by what is written."""

    id = "R0124"


class WrongAttachment(ManifestError):
    """What runs already cannot join as it is written."""

    id = "R0121"
