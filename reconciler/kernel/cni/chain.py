"""A list of plugins: each is run upon what those before it have answered, and taken back in turn."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Lock
from typing import Any, NoReturn

from ...kinds.cni import CniAttachment
from .. import netns
from ..netlink import links
from ..netlink.socket import open_socket
from . import plugin, records
from .plugin import PluginError
from .records import AttachmentRecord

TURN, LONG = Lock(), 1.0  # seconds


def attach(new: CniAttachment, kept: Sequence[str] = (), *, is_new: bool = False) -> None:
    """With the address that it had until now, where it can be had again: plugins of before 1.2 leave rules
    about one behind whose link was lost, and stumble over them where there is another."""
    for wish in kept[:1]:
        with suppress(PluginError):
            attach_with(new, wish)
            return
    attach_with(new, is_new=is_new)


def attach_with(new: CniAttachment, wish: str = "", *, is_new: bool = False) -> None:
    """ADD of each plugin; raises PluginError, with nothing standing, or a record of what may be."""
    record = AttachmentRecord(new, netns.inode(new.ns), wish=wish)
    records.write(record)  # who dies here can be cleaned up after
    try:
        if is_new:
            [*take_back(record)]  # what they have of before its record was lost, as at a reboot
        for one in new.plugins:
            record = replace(record, result=call("ADD", one, record) or nothing_from(one))
        refuse_absent(record)
    except Exception:
        if not [*take_back(record)]:
            records.remove(new.ns, new.name)
        raise
    records.write(record)


def nothing_from(one: Mapping[str, Any]) -> NoReturn:
    raise PluginError(one["type"], "it answers nothing")


def detach(old: CniAttachment) -> None:
    """DEL of each, the last one first, also where its sandbox is gone; raises the first trouble, for another
    time: the record stays."""
    for trouble in [*take_back(records.read(old.ns, old.name))]:
        raise trouble
    records.remove(old.ns, old.name)


def take_back(record: AttachmentRecord) -> Iterator[OSError]:
    """What goes wrong holds up none of the others."""
    for one in reversed(record.attachment.plugins):
        try:
            call("DEL", one, record)
        except OSError as error:
            yield error


def call(command: str, one: Mapping[str, Any], record: AttachmentRecord) -> Mapping[str, Any]:
    wanted, whole = record.attachment, json.loads(record.attachment.config)
    folders = wanted.path.split(":")
    environment = {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": wanted.ns,
        "CNI_NETNS": sandbox(record),
        "CNI_IFNAME": wanted.name,
        "CNI_ARGS": wanted.args + f";IP={record.wish}" * bool(record.wish),
        "CNI_PATH": wanted.path,
    }
    runtime = {name: asked for name, asked in json.loads(wanted.runtime).items() if is_able(one, name)}
    config = {key: value for key, value in one.items() if key != "capabilities"}
    config |= {"cniVersion": whole["cniVersion"], "name": whole["name"]}
    config |= {"runtimeConfig": runtime} if runtime else {}
    config |= {"prevResult": record.result} if record.result is not None else {}
    with turn():
        return plugin.run(plugin.found(str(one["type"]), folders), environment, config)


@contextmanager
def turn() -> Iterator[None]:
    """One at a time, since many run iptables, which refuses what another one does meanwhile; but nobody waits
    long for who may hang."""
    mine = TURN.acquire(timeout=LONG)
    try:
        yield
    finally:
        if mine:
            TURN.release()


def is_able(one: Mapping[str, Any], capability: str) -> bool:
    return one.get("capabilities", {}).get(capability) is True


def sandbox(record: AttachmentRecord) -> str:
    """Its path; "" where it is another by now, or none, and only what is beyond it can be taken back."""
    inode = netns.inode(record.attachment.ns)
    return netns.path(record.attachment.ns) if inode and inode == record.inode else ""


def refuse_absent(record: AttachmentRecord) -> None:
    """A plugin may say what is not so."""
    name = record.attachment.name
    if record.link is None:
        return
    with suppress(OSError), netns.kept():
        netns.enter(record.attachment.ns)
        with open_socket() as channel:
            links.index_of(channel, name)
        return
    raise PluginError(record.attachment.plugins[-1]["type"], f"it tells of a link {name} that is not there")
