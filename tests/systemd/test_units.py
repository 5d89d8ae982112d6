"""Stories told to a real systemd: each boots a machine of its own, says what it did, and powers it off."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TREE = os.environ.get("RECONCILER_TREE", "")
pytestmark = pytest.mark.skipif(not TREE, reason="run tests/systemd/run as root")

WEB = """
name: shop
networks: {front: {ipam: {config: [{subnet: 10.91.0.0/24}]}}}
containers:
  web: {networks: [front], ports: ['8080:80']}
"""
MORE = WEB + "  db: {networks: [front]}\n"

COMMAND = """#!/bin/sh
PYTHONPATH=/srv/reconciler exec python3 -m reconciler "$@"
"""
JOB = """
[Unit]
After=multi-user.target
[Service]
Type=oneshot
Environment=HOME=/root
ExecStart=/bin/sh -xe /srv/out/story
ExecStopPost=/bin/sh -c 'journalctl --no-pager -b >/srv/out/journal; systemctl poweroff --no-block'
StandardOutput=file:/srv/out/said
StandardError=file:/srv/out/log
"""
# Until a command succeeds; a story that waits in vain fails.
WITHIN = """
within() { n=$1; shift; for i in $(seq $((n * 10))); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done; "$@"; }
sandbox() { ip netns exec "shop-$1" true; }
synced() { reconcile --plan --exit-code -q; }
cd /srv/reconciler
"""
# The parts of a namespace tour: a private /run for nspawn's own files, then the machine.
BOOT = """
mount -t tmpfs run /run
mkdir -p /run/upper /run/work /run/machine
mount -t overlay machine -o lowerdir="$TREE",upperdir="$UPPER",workdir="$WORK" /run/machine
exec timeout "$LIMIT" systemd-nspawn --quiet --directory=/run/machine --boot --register=no --keep-unit --private-network \
    --capability=all --system-call-filter='@keyring @mount bpf' --bind-ro="$ROOT":/srv/reconciler \
    --bind="$OUT":/srv/out --console=read-only
"""


class Machine:
    """Files are written before it boots; `tell` boots it."""

    limit = 120  # seconds

    def __init__(self, folder: Path):
        self.upper, self.out = folder / "upper", folder / "out"
        for made in (self.upper, self.out, folder / "work"):
            made.mkdir()
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",  # systemd 256 and later want nothing else
            "TREE": TREE,
            "ROOT": str(ROOT),
            "UPPER": str(self.upper),
            "WORK": str(folder / "work"),
            "OUT": str(self.out),
        }
        self.write("etc/systemd/system/story.service", JOB)
        self.enable("story.service")
        self.write("usr/local/bin/reconcile", COMMAND).chmod(0o755)

    def write(self, path: str, text: str) -> Path:
        file = self.upper / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def enable(self, unit: str) -> None:
        wants = self.upper / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (wants / unit).symlink_to(f"/etc/systemd/system/{unit}")

    def tell(self, story: str) -> str:
        (self.out / "story").write_text(WITHIN + story + "\necho told\n")
        words = ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-ec", BOOT]
        subprocess.run(
            words,
            env={**self.environment, "LIMIT": str(self.limit)},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=self.limit + 30,
        )
        said, log = (
            (self.out / name).read_text() if (self.out / name).exists() else "" for name in ("said", "log")
        )
        assert said.endswith("told\n"), f"{said}\n{log[-3000:]}\n{self.journal[-3000:]}"
        return said

    @property
    def journal(self) -> str:
        file = self.out / "journal"
        lines = file.read_text().splitlines() if file.exists() else []
        return "\n".join(line for line in lines if "reconcil" in line)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_boot_applies_and_the_watcher_follows(machine):
    machine.write("etc/systemd/system/reconciler.service", (ROOT / "systemd/reconciler.service").read_text())
    machine.enable("reconciler.service")
    machine.write("etc/reconciler/shop.yaml", WEB)
    machine.write("etc/systemd/system/app.service", APP)
    machine.tell(f"""
systemctl is-active reconciler.service
sandbox web
systemctl show -P StatusText reconciler.service | grep 'in sync'
ip netns list | grep shop-web

# a service in a declared sandbox, reached through the published port
systemctl start app.service
within 5 curl -sf http://127.0.0.1:8080/
curl -sf http://[::1]:8080/

# an edit, and drift
cat >/etc/reconciler/shop.yaml <<'END'
{MORE}
END
within 10 sandbox db
ip link del br-shop-front
within 5 ip link show br-shop-front

# restarting, killing and stopping the watcher leaves what stands alone
within 5 synced
standing() {{
    ip -o link show br-shop-front | cut -d: -f1; ip -n shop-web -o link show eth0 | cut -d: -f1; nft list table inet reconciler | md5sum; nft list table bridge reconciler | md5sum
}}
before=$(standing)
systemctl restart reconciler.service
killed=$(systemctl show -P MainPID reconciler.service)
systemctl kill -s KILL reconciler.service
back() {{ test "$(systemctl show -P MainPID reconciler.service)" != "$killed" && systemctl is-active reconciler.service; }}
within 10 back
systemctl reload reconciler.service
test "$before" = "$(standing)"
curl -sf http://127.0.0.1:8080/
systemctl stop reconciler.service
curl -sf http://127.0.0.1:8080/
test "$(systemctl is-failed app.service)" = active
""")


APP = """
[Service]
NetworkNamespacePath=/run/netns/shop-web
ExecStart=/usr/bin/python3 -m http.server 80 --directory /srv
"""


def test_the_path_unit_loses_nothing(machine):
    machine.tell(f"""
mkdir -p /etc/reconciler/sub
cat >/etc/reconciler/shop.yaml <<'END'
{WEB}
END
/srv/reconciler/systemd/install --path
within 10 sandbox web

# twenty saves in a row, the last one counts
for i in $(seq 20); do
cat >/etc/reconciler/shop.yaml <<END
{WEB}  c$i: {{networks: [front]}}
END
sleep 0.05
done
within 40 sandbox c20
! sandbox c19
within 10 synced
systemctl is-active reconciler-apply.path

# the directories below are seen as fast, those that come later too; the timer has a minute
deep() {{ printf "name: $1\\ncontainers: {{a: {{}}}}\\n" >"/etc/reconciler/$2/deep.yaml"; within 20 ip netns exec "$1-a" true; }}
idle() {{ ! systemctl -q is-active reconciler-apply.service; }}
deep deep sub
mkdir -p "/etc/reconciler/a new one/below" /etc/reconciler/.hidden
within 20 systemctl is-active 'reconciler-apply@etc-reconciler-a\\x20new\\x20one-below.path'
within 20 idle
deep deeper "a new one/below"
! systemctl list-units --no-legend 'reconciler-apply@*' | grep hidden

# git moves the tree
cd /etc/reconciler
git init -q . && git add -A && git -c user.name=t -c user.email=t@t commit -qm one
sed -i 's/c20/c21/' shop.yaml && git -c user.name=t -c user.email=t@t commit -qam two
within 40 ip netns exec shop-c21 true
git checkout -q HEAD~1
within 40 sandbox c20

# and all of it goes again, but for the networks
cd /
/srv/reconciler/systemd/install --remove
test -z "$(ls /etc/systemd/system | grep reconciler || true)"
sandbox web
""")


def test_names_outlive_who_started_them(machine):
    machine.write("etc/systemd/system/reconciler.service", (ROOT / "systemd/reconciler.service").read_text())
    apply = (ROOT / "systemd/reconciler-apply.service").read_text()
    machine.write("etc/systemd/system/reconciler-apply.service", apply)
    machine.write("etc/reconciler/shop.yaml", MORE)
    machine.tell("""
answers() { ip netns exec shop-web getent hosts db; }
answering() { cat /run/reconciler-dns/pids/host/shop@shop_front; }

# by a unit that ends
systemctl start reconciler-apply.service
answers
test "$(ps -o user= -p $(answering))" = nobody
first=$(answering)
systemctl stop reconciler-apply.service
answers

# by a watcher, which hears of its end, and ends itself
systemctl start reconciler.service
test "$(answering)" = "$first"
kill -9 "$first"
within 5 answers
test "$(answering)" != "$first"
second=$(answering)
systemctl kill -s KILL reconciler.service
systemctl stop reconciler.service
kill -0 "$second"
answers
reconcile --destroy /etc/reconciler
! pgrep dnsmasq
test ! -e /run/reconciler-dns
""")


RUNNING = """
name: shop
runtime: systemd
networks: {front: {}}
services:
  web:
    command: [/usr/bin/python3, -m, http.server, "80", --directory, /srv]
    networks: [front]
    ports: ["8080:80"]
    environment: {WORD: hush}
    restart: always
    depends_on: {db: {condition: service_healthy}}
  db:
    command: [sh, -c, 'sleep 1; touch /tmp/ready; exec sleep 1000']
    networks: [front]
    stop_grace_period: 1s
    healthcheck: {test: test -e /tmp/ready, interval: 1s, retries: 10}
"""


def test_units_run_in_their_sandboxes(machine):
    machine.write("etc/systemd/system/reconciler.service", (ROOT / "systemd/reconciler.service").read_text())
    machine.enable("reconciler.service")
    machine.write("etc/reconciler/shop.yaml", RUNNING)
    machine.tell("""
curl -sf http://127.0.0.1:8080/
web() { systemctl show -P "$1" reconciler-shop-web-1.service; }
test "$(stat -Lc %i /proc/$(web MainPID)/ns/net)" = "$(stat -Lc %i /run/netns/shop-web-1)"
test "$(reconcile --exec web -- sh -c 'tr "\\0" "\\n" </proc/1/environ >/dev/null; getent hosts db >/dev/null; echo found')" = found
tr '\\0' '\\n' </proc/$(web MainPID)/environ | grep -x WORD=hush
! systemctl show reconciler-shop-web-1.service | grep hush
reconcile --status | grep 'shop-db-1: systemd, running, healthy'

# systemd starts it anew; one that was stopped is put right, and so is one in a namespace that was made anew
kill -9 $(web MainPID)
within 5 curl -sf http://127.0.0.1:8080/
sleep 3
systemctl stop reconciler-shop-web-1.service
within 5 curl -sf http://127.0.0.1:8080/
ip netns del shop-web-1
within 10 curl -sf http://127.0.0.1:8080/
within 10 synced

# what is told otherwise is made anew, what does not start is as before, and all of it outlives the watcher
sed -i s/hush/hushed/ /etc/reconciler/shop.yaml
told() { tr '\\0' '\\n' </proc/$(web MainPID)/environ | grep -x WORD=hushed; }
within 10 told
systemctl stop reconciler.service
sed 's/.usr.bin.python3/nosuch/' /etc/reconciler/shop.yaml >/etc/broken.yaml
reconcile --plan /etc/broken.yaml || test $? = 65
curl -sf http://127.0.0.1:8080/
told

reconcile --destroy /etc/reconciler
! ls /run/systemd/system | grep reconciler-shop

# a unit that a person wrote is theirs, whatever its name
for where in /run /etc; do
    theirs=$where/systemd/system/reconciler-shop-db-1.service
    printf '[Service]\\nExecStart=sleep 1000\\n' >$theirs
    cp $theirs /run/before
    systemctl daemon-reload
    systemctl start reconciler-shop-db-1.service
    theirs=$(systemctl show -P MainPID reconciler-shop-db-1.service)
    reconcile --apply /etc/reconciler 2>&1 | grep "that is not ours: $where/"
    reconcile --destroy /etc/reconciler
    kill -0 $theirs
    cmp /run/before $where/systemd/system/reconciler-shop-db-1.service
    systemctl stop reconciler-shop-db-1.service
    rm $where/systemd/system/reconciler-shop-db-1.service
    systemctl daemon-reload
done
test ! -e /run/reconciler-workloads
! systemctl is-active reconciler-shop-web-1.service
""")


def test_a_hung_watcher_is_restarted(machine):
    text = (ROOT / "systemd/reconciler.service").read_text().replace("WatchdogSec=120", "WatchdogSec=7")
    machine.write("etc/systemd/system/reconciler.service", text)
    machine.write("etc/reconciler/shop.yaml", WEB)
    machine.enable("reconciler.service")
    machine.tell("""
first=$(systemctl show -P MainPID reconciler.service)
sleep 9
test "$(systemctl show -P MainPID reconciler.service)" = "$first"
kill -STOP "$first"
changed() { test "$(systemctl show -P MainPID reconciler.service)" != "$first"; }
within 20 changed
within 10 systemctl is-active reconciler.service
sandbox web
""")


def test_an_invalid_command_line_is_not_restarted_for_ever(machine):
    text = (ROOT / "systemd/reconciler.service").read_text().replace("--watch", "--wotch")
    machine.write("etc/systemd/system/reconciler.service", text)
    machine.write("etc/reconciler/shop.yaml", WEB)
    machine.tell("""
systemctl start reconciler.service || true
sleep 3
test "$(systemctl show -P NRestarts reconciler.service)" = 0
test "$(systemctl is-failed reconciler.service)" = failed
""")


def test_the_way_back_outlives_the_unit_that_applied(machine):
    machine.write("etc/shop.yaml", WEB)
    machine.tell("""
systemd-run --wait --quiet /usr/local/bin/reconcile --apply --confirm-within 4 /etc/shop.yaml
sandbox web
sleep 1
sandbox web
reconcile --status | grep 'NOT CONFIRMED'
gone() { ! ip netns exec shop-web true; }
within 10 gone
reconcile --status /etc/shop.yaml || test $? = 2
test -z "$(systemctl list-units --no-legend 'reconcile-confirm-*')"

# and confirmed it stays; nothing but we ourselves say a word
test -z "$(systemd-run --wait --quiet --pipe /usr/local/bin/reconcile --apply -q --confirm-within 4 /etc/shop.yaml 2>&1)"
reconcile --confirm
sleep 5
sandbox web
""")


def test_what_is_pulled_is_signed_and_moves_forward_only(machine):
    machine.write("srv/shop.yaml", WEB)
    machine.tell(f"""
export GIT_CONFIG_SYSTEM=/srv/committer
git config --system user.name somebody
git config --system user.email somebody@example.org
git config --system gpg.format ssh
git config --system user.signingkey /srv/key
git config --system safe.directory '*'
ssh-keygen -q -t ed25519 -N '' -f /srv/key
git init -q --bare --initial-branch=main /srv/remote
git clone -q /srv/remote /srv/work
cd /srv/work
cp /srv/shop.yaml . && git add -A && git commit -S -qm one && git push -q origin HEAD:main
git clone -q --branch main /srv/remote /etc/reconciler

# installed, it asks for signatures that its own user knows
/srv/reconciler/systemd/install
/srv/reconciler/systemd/install --pull
mkdir -p /var/lib/reconciler-git
printf '[gpg]\nformat = ssh\n[gpg "ssh"]\nallowedSignersFile = /var/lib/reconciler-git/signers\n[safe]\ndirectory = /srv/remote\n' \
    >/var/lib/reconciler-git/.gitconfig
echo "somebody@example.org $(cat /srv/key.pub)" >/var/lib/reconciler-git/signers
chown -R reconciler-git: /var/lib/reconciler-git
within 10 sandbox web

# signed: pulled and applied
cat >shop.yaml <<'END'
{MORE}
END
git commit -S -qam two && git push -q origin HEAD:main
systemctl start reconciler-pull.service
within 10 sandbox db
within 10 synced
reconcile --status | grep "$(git rev-parse --short=7 HEAD)"

# unsigned, or signed by somebody else, or not forward: nothing moves
head=$(git -C /etc/reconciler rev-parse HEAD)
refused() {{
    git push -qf origin HEAD:main
    ! systemctl start reconciler-pull.service
    test "$(git -C /etc/reconciler rev-parse HEAD)" = "$head"
}}
echo '# three' >>shop.yaml && git commit -qam three && refused
ssh-keygen -q -t ed25519 -N '' -f /srv/other
git -c user.signingkey=/srv/other commit -q --amend -S -m three && refused
git reset -q --hard HEAD~2 && echo '# four' >>shop.yaml && git commit -S -qam four && refused
sandbox db
""")


FABRIC = """
name: site
reachability: evpn
hosts: {here: {address: 10.99.0.1}, there: {address: 10.99.0.2}}
networks: {mesh: {driver: overlay, ipam: {config: [{subnet: 10.92.0.0/24}]}}}
containers:
  web: {host: here, networks: [mesh]}
"""


def test_frr_outlives_the_watcher_and_leaves_the_operators_alone(machine):
    unit = (ROOT / "systemd/reconciler.service").read_text()
    machine.write("etc/systemd/system/reconciler.service", unit.replace("--watch", "--watch --host here"))
    machine.write("etc/reconciler/site.yaml", FABRIC)
    machine.tell("""
export RECONCILE_HOST=here
systemctl is-active frr.service
theirs=$(cat /run/frr/zebra.pid)
ip link add underlay type bridge
ip address add 10.99.0.1/24 dev underlay
ip link set underlay up
reconcile --lock /etc/reconciler
systemctl start reconciler.service
within 20 synced
systemctl is-active frr@reconciler.service
ours=$(cat /run/frr/reconciler/bgpd.pid)
vtysh -N reconciler -c 'show bgp l2vpn evpn' | grep 10.99.0.1

# the watcher may go, come back, and be killed
systemctl restart reconciler.service
systemctl stop reconciler.service
kill -0 "$ours"
systemctl start reconciler.service
systemctl kill -s KILL reconciler.service
sleep 3
test "$(cat /run/frr/reconciler/bgpd.pid)" = "$ours"
kill -0 "$ours"

# what dies all the same comes back
systemctl stop frr@reconciler.service || true  # the watcher may be quicker
within 40 systemctl is-active frr@reconciler.service
within 20 synced

# another network is loaded, not started
ours=$(cat /run/frr/reconciler/bgpd.pid)
sed -i 's/^networks: {/&more: {driver: overlay, ipam: {config: [{subnet: 10.93.0.0\\/24}]}}, /' /etc/reconciler/site.yaml
reconcile --lock /etc/reconciler
within 20 synced
vtysh -N reconciler -c 'show running-config' | grep -c 'permit rt' | grep 2
test "$(cat /run/frr/reconciler/bgpd.pid)" = "$ours"

systemctl stop reconciler.service
reconcile --destroy --host here /etc/reconciler
! systemctl is-active frr@reconciler.service
test ! -e /etc/frr/reconciler
test ! -e /run/frr/reconciler
test "$(cat /run/frr/zebra.pid)" = "$theirs"
kill -0 "$theirs"
""")


def test_the_host_asks_for_the_names_of_a_project_that_wants_it(machine):
    machine.write("etc/systemd/system/reconciler.service", (ROOT / "systemd/reconciler.service").read_text())
    machine.write("etc/reconciler/shop.yaml", WEB + "host_names: true\n")
    machine.tell("""
asked() { getent hosts web.shop.internal | grep '^10[.]91[.]0[.]'; }
settled() { systemctl is-active systemd-resolved && synced; }
reconcile --apply --rehearse -q
within 5 asked
within 5 synced
resolvectl query wbe.shop.internal && exit 1
test "$(resolvectl domain br-shop-front)" = 'Link 2 (br-shop-front): ~shop.internal'

# what it was told outlives it; while it does not run, there is nothing to tell
systemctl restart systemd-resolved
within 5 settled
within 5 asked
systemctl stop systemd-resolved
within 5 synced
reconcile --plan 2>&1 | grep 'forward that to 10.91.0.1 port [0-9]'
systemctl start systemd-resolved
within 5 settled
within 5 asked

# drift, by hand and while watched
for told in 'domain br-shop-front ~other.internal' 'dns br-shop-front 192.0.2.1' 'default-route br-shop-front yes'; do
    resolvectl $told
    reconcile --plan -o wide | grep '^~ domain host/br-shop-front'
    reconcile --apply -q
    synced
done
systemctl start reconciler.service
resolvectl revert br-shop-front
within 5 asked
systemctl stop reconciler.service

# and gone, with the key and with the project
sed -i /host_names/d /etc/reconciler/shop.yaml
reconcile --apply -q
test "$(resolvectl domain br-shop-front)" = 'Link 2 (br-shop-front):'
asked && exit 1
echo 'host_names: true' >>/etc/reconciler/shop.yaml
reconcile --apply -q
within 5 asked
reconcile --destroy -q --project shop
test -z "$(ls /run/systemd/resolve/netif)"
""")
