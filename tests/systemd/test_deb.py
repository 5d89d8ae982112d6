"""Debian's package on Debian 12 and 13, under a real systemd: installed, upgraded, removed and purged, while
a connection through a published port stays."""

import os
import subprocess
from pathlib import Path

import pytest

from reconciler.version import __version__
from tests.systemd.test_units import ROOT, TREE, WEB, Machine

TREES = {"12": os.environ.get("RECONCILER_TREE12", ""), "13": TREE}
pytestmark = pytest.mark.skipif(not TREE, reason="run tests/systemd/run as root")
NEWER = "9.0"
MOST = {"12": 3_500_000, "13": 800_000}  # bytes: what is ours alone, and with libraries

ECHO = """
import socket
server = socket.create_server(("", 80))
while True:
    client, _ = server.accept()
    while said := client.recv(99):
        client.sendall(said)
"""
# A byte there and back, again and again, on one connection; each second the longest wait is told.
HELD = """
import socket, time
client = socket.create_connection(("198.51.100.1", 8080), 5)
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
longest = 0.0
while True:
    began = time.monotonic()
    client.sendall(b"x")
    assert client.recv(1) == b"x"
    longest = max(longest, time.monotonic() - began)
    with open("/run/held", "w") as file:
        file.write(f"{longest:.3f} {time.monotonic():.1f}")
    time.sleep(0.01)
"""
OUTSIDE = """
ip netns add outside
ip link add uplink type veth peer name eth0 netns outside
ip address add 198.51.100.1/24 dev uplink
ip link set uplink up
ip -n outside address add 198.51.100.2/24 dev eth0
ip -n outside link set eth0 up
flows() {  # it goes on after now, and no byte has waited for long
    sleep 0.5
    before=$(cut -d' ' -f2 /run/held)
    sleep 0.5
    test "$(cut -d' ' -f2 /run/held)" != "$before"
    kill -0 "$held"
    echo "$1: the longest wait was $(cut -d' ' -f1 /run/held) s"
    python3 -c "import sys; sys.exit(float(open('/run/held').read().split()[0]) > 0.5)"
}
"""


@pytest.fixture(params=TREES, ids=lambda release: f"debian{release}")
def release(request: pytest.FixtureRequest) -> str:
    if not TREES[request.param]:
        pytest.skip("no tree of that release")
    return request.param


@pytest.fixture
def machine(tmp_path: Path, release: str) -> Machine:
    made = Machine(tmp_path)
    made.environment["TREE"] = TREES[release]
    made.limit = 300
    (made.upper / "usr/local/bin/reconcile").unlink()
    built = subprocess.run([ROOT / ".ci/package/deb", release, tmp_path], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    package = Path(built.stdout.strip())
    assert package.stat().st_size < MOST[release]
    package.rename(made.out / "old.deb")
    newer(made.out / "old.deb", made.out / "new.deb", tmp_path / "unpacked")
    return made


def newer(package: Path, to: Path, folder: Path) -> None:
    """The same package of a later version."""
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder], check=True)
    for name in ("DEBIAN/control", "usr/lib/reconciler/reconciler/version.py"):
        file = folder / name
        file.write_text(file.read_text().replace(__version__, NEWER))
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", folder, to], check=True)


def test_no_packet_waits_for_a_package(machine: Machine, release: str) -> None:
    machine.write("srv/shop.yaml", WEB)
    machine.write("srv/echo.py", ECHO)
    machine.write("srv/held.py", HELD)
    said = machine.tell(
        OUTSIDE
        + f"""
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/hurry
dpkg -i /srv/out/old.deb
test "$(reconcile --version)" = 'reconcile {__version__}'
reconcile --validate /srv/reconciler/manifests/hello.yaml
for place in man/man1/reconcile.1.gz man/man5/reconcile.yaml.5.gz man/man8/reconciler-cni.8.gz \\
    bash-completion/completions/reconcile \\
    zsh/vendor-completions/_reconcile fish/vendor_completions.d/reconcile.fish \\
    reconciler/schemas/manifest.schema.json doc/reconciler/copyright \\
    doc/reconciler/changelog.gz doc/reconciler/examples/hello.yaml; do
    test -s /usr/share/$place
done
test -z "$(dpkg --verify reconciler)"
systemctl is-enabled reconciler.service
! systemctl is-active reconciler.service
cd /usr/lib/systemd/system
systemd-analyze verify --man=no ./reconciler.service ./reconciler-apply.*

# there is something to do, and it is done
mkdir /etc/reconciler
cp /srv/shop.yaml /etc/reconciler
systemctl start reconciler.service
within 20 sandbox web
within 20 synced
ip netns exec shop-web python3 /srv/echo.py &
sleep 1
ip netns exec outside python3 /srv/held.py &
held=$!
within 10 test -s /run/held
flows installed
first=$(systemctl show -P MainPID reconciler.service)

# another version
dpkg -i /srv/out/new.deb
test "$(reconcile --version)" = 'reconcile {NEWER}'
within 10 systemctl is-active reconciler.service
test "$(systemctl show -P MainPID reconciler.service)" != "$first"
within 20 synced
flows upgraded

# who has chosen the path unit finds it so
systemctl disable --now reconciler.service
systemctl enable --now reconciler-apply.path
dpkg -i --force-downgrade /srv/out/old.deb
test "$(systemctl is-enabled reconciler.service)" = disabled
! systemctl is-active reconciler.service
systemctl is-active reconciler-apply.path
flows went-back
systemctl disable --now reconciler-apply.path
systemctl enable --now reconciler.service
within 20 synced

# removed: nothing of the program is left, and all of the network
dpkg -r reconciler | grep 'networks stand until the next boot'
test ! -e /usr/bin/reconcile
test ! -e /usr/lib/reconciler
! systemctl is-active reconciler.service
test -d /var/lib/reconciler
flows removed

# purged: what it knew is gone, and what people wrote is not
dpkg -P reconciler
test ! -e /var/lib/reconciler
cmp /srv/shop.yaml /etc/reconciler/shop.yaml
! find /etc/systemd/system /var/lib/systemd/deb-systemd-helper-enabled -name 'reconciler*' | grep .
flows purged

# and installed again it knows its own
dpkg -i /srv/out/new.deb
within 20 systemctl is-active reconciler.service
within 20 synced
flows installed-again
kill "$held"
reconcile --destroy --yes
systemctl stop reconciler.service
! ip -br link | grep br-shop
"""
    )
    print(said)
