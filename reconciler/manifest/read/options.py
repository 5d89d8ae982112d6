"""Options of drivers, from text to values."""

from collections.abc import Sequence

from ..model.fields import address4, address6, bindable, ifname, ifname_prefix, mtu, wrong
from ..options import Drivers, Option, accepted, usable
from ..yaml.node import nearest

GATEWAY_MODES = ("nat", "routed", "nat-unprotected", "isolated")
TRUTH = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


def value_of(option: Option, text: str) -> str | int | None:
    """The option's value in its type; None leaves the default."""
    match option.kind:
        case "bool":
            return truth(text)
        case "flag":
            return "true" if not text or truth(text) else None
        case "mtu":
            return None if text in ("", "0") else mtu(text)
        case "host_ip":
            return "" if text == "0.0.0.0" else bindable(text)
        case "ipv4" | "ipv6" if text in ("0.0.0.0", "::"):
            return ""
        case "ipv4":
            return address4(text)
        case "ipv6":
            return address6(text)
        case "mode" if text not in GATEWAY_MODES:
            raise wrong(f"{text!r} is no gateway mode", nearest(text, GATEWAY_MODES))
        case "ifname":
            return ifname(text)
        case "prefix":
            return ifname_prefix(text)
    return text


def truth(text: str) -> bool:
    if text.lower() not in TRUTH:
        raise wrong(f"{text!r} is neither true nor false")
    return TRUTH[text.lower()]


def option_hint(name: str, options: Sequence[Option], drivers: Drivers) -> str:
    """For a name that is none of these options: whose it is, or which one was meant."""
    if elsewhere := sorted(other for other, driver in usable(drivers) if name in accepted(driver.options)):
        return f"it is an option of {', '.join(elsewhere)}"
    return nearest(name, {n for option in options for n in (option.docker or (option.key,))})
