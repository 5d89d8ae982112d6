"""Debian's ovn-docker with all that it needs, as processes of a throw-away host: OVN in user space."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Where packages are unpacked that are not installed: ovn-docker, ovn-central, ovn-host, openvswitch-switch,
# and what they depend on.
UNPACKED = os.environ.get("RECONCILER_OVN", "")
USR = Path(f"{UNPACKED}/usr")
RUN = Path("/run/ovn-lab")
DRIVER = USR / "bin/ovn-docker-overlay-driver"
DAEMONS = ("ovsdb-server", "ovs-vswitchd", "ovn-northd", "ovn-controller")
SCHEMAS = {
    "conf": USR / "share/openvswitch/vswitch.ovsschema",
    "nb": USR / "share/ovn/ovn-nb.ovsschema",
    "sb": USR / "share/ovn/ovn-sb.ovsschema",
}


def lack() -> str:
    """Why there is none; "" where there is."""
    absent = [name for name in DAEMONS if not found(name)]
    return f"this host has no {', '.join(absent)}" if absent else "" if DRIVER.exists() else "no ovn-docker"


def found(name: str) -> str:
    path = f"{USR}/bin:{USR}/sbin:{USR}/lib/openvswitch-switch"
    return shutil.which(name, path=path) or ""


def environment() -> dict[str, str]:
    paths = f"{RUN}/bin:{USR}/bin:{USR}/sbin:{USR}/lib/openvswitch-switch:{os.environ['PATH']}"
    own = {"PATH": paths, "OVS_RUNDIR": str(RUN), "OVS_DBDIR": str(RUN), "OVN_RUNDIR": str(RUN)}
    own |= {"OVS_LOGDIR": str(RUN), "OVN_LOGDIR": str(RUN), "OVS_PKGDATADIR": f"{USR}/share/openvswitch"}
    libraries = f"{UNPACKED}/usr/lib/x86_64-linux-gnu:{UNPACKED}/lib/x86_64-linux-gnu"
    unpacked = {"LD_LIBRARY_PATH": libraries, "PYTHONPATH": f"{UNPACKED}/usr/lib/python3/dist-packages"}
    return {**os.environ, **own, **(unpacked if UNPACKED else {})}


class Ovn:
    """What runs, until it is stopped."""

    def __init__(self) -> None:
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *words: object) -> None:
        line = [found(name) or name, *map(str, words)]
        with open(RUN / f"{Path(name).name}.out", "wb") as log:
            self.running.append(subprocess.Popen(line, env=environment(), stdout=log, stderr=log))

    def run(self, name: str, *words: object) -> str:
        line = [found(name), *map(str, words)]
        return subprocess.run(line, env=environment(), check=True, capture_output=True, text=True).stdout

    def stop(self) -> None:
        for one in reversed(self.running):
            one.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                one.wait(5)
            one.kill()
            one.wait()


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@contextmanager
def running() -> Iterator[Ovn]:
    """Databases, switch, northd, controller, and the plugin itself."""
    RUN.mkdir()
    ovn = Ovn()
    try:
        for name, schema in SCHEMAS.items():
            ovn.run("ovsdb-tool", "create", RUN / f"{name}.db", schema)
        ovn.start("ovsdb-server", f"--remote=punix:{RUN}/db.sock", f"--unixctl={RUN}/db.ctl",
                  *(RUN / f"{name}.db" for name in SCHEMAS))  # fmt: skip
        until((RUN / "db.sock").exists, "no ovsdb-server")
        database = f"unix:{RUN}/db.sock"
        ovn.run("ovs-vsctl", "--no-wait", "init")
        ids = {"ovn-remote": database, "ovn-nb": database, "ovn-encap-type": "geneve",
               "ovn-encap-ip": "127.0.0.1", "system-id": "lab"}  # fmt: skip
        ovn.run("ovs-vsctl", "--no-wait", "set", "open", ".",
                *(f'external_ids:{key}="{value}"' for key, value in ids.items()))  # fmt: skip
        ovn.run("ovs-vsctl", "--no-wait", "add-br", "br-int", "--", "set", "bridge", "br-int",
                "datapath_type=netdev", "fail-mode=secure", "other-config:disable-in-band=true")  # fmt: skip
        ovn.start("ovs-vswitchd", database, f"--unixctl={RUN}/vs.ctl", "--disable-system")
        ovn.start("ovn-northd", f"--ovnnb-db={database}", f"--ovnsb-db={database}", f"--unixctl={RUN}/nd.ctl")
        ovn.start("ovn-controller", database)
        start_driver(ovn)
        yield ovn
    finally:
        ovn.stop()


def start_driver(ovn: Ovn) -> None:
    """With what `ovs-vsctl` says as text, which Debian's copy takes for bytes (call_popen)."""
    text = DRIVER.read_text().replace("output[0].strip()", "output[0].decode().strip()")
    program = RUN / "driver.py"
    program.write_text(text)
    plugins = Path("/etc/docker")
    if plugins.is_symlink():
        plugins.unlink()  # of a throw-away /etc
    ovn.start("/usr/bin/python3", program)
    until(Path("/etc/docker/plugins/openvswitch.spec").exists, "no plugin")
