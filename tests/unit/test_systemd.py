"""The units: what systemd says of them, and what must never be in them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "systemd"
UNITS = sorted(file.name for file in FOLDER.glob("reconciler*.*"))
MAKING = ["reconciler.service", "reconciler-apply.service"]  # those that make sandboxes
SERVICES = [name for name in UNITS if name.endswith(".service")]
# Each gives the unit a mount namespace of its own, and its sandboxes are then seen by nobody else; or takes
# away
# what making one needs.  Measured with systemd 252 and 257.
BREAKING = [
    "PrivateMounts",
    "PrivateTmp",
    "PrivateDevices",
    "PrivateUsers",
    "PrivateNetwork",
    "PrivateIPC",
    "ProtectSystem",
    "ProtectHome",
    "ProtectControlGroups",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "ProtectProc",
    "ProcSubset",
    "ReadOnlyPaths",
    "ReadWritePaths",
    "InaccessiblePaths",
    "ExecPaths",
    "NoExecPaths",
    "TemporaryFileSystem",
    "BindPaths",
    "BindReadOnlyPaths",
    "RootDirectory",
    "RootImage",
    "MountFlags",
    "MountAPIVFS",
    "DynamicUser",
    "NetworkNamespacePath",
    "MountImages",
    "ExtensionImages",
]
analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


def settings(name: str) -> dict[str, str]:
    rows = re.findall(r"^(\w+)=(.*)$", (FOLDER / name).read_text(), re.MULTILINE)
    return dict(rows)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with programs that exist: systemd-analyze looks for them."""
    for name in UNITS:
        text = (FOLDER / name).read_text()
        text = re.sub(r"/usr/local/bin/reconcile|/usr/bin/git", "/bin/true", text)
        (tmp_path / name).write_text(re.sub("^User=.*$", "", text, flags=re.MULTILINE))
    return tmp_path


@analyze
@pytest.mark.parametrize("name", [name for name in UNITS if "@" not in name])
def test_systemd_has_nothing_to_say(units, name):
    """`verify` only warns of unknown keys, and then succeeds."""
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", units / name], capture_output=True, text=True
    )
    if "Failed to initialize manager" in done.stderr or "Failed to setup working directory" in done.stderr:
        pytest.skip(done.stderr.strip())
    said = [line for line in done.stderr.splitlines() if "reconciler" in line]
    assert done.returncode == 0 and not said, done.stderr


@analyze
@pytest.mark.parametrize(
    ("name", "threshold"), [(MAKING[0], 52), (MAKING[1], 48), ("reconciler-pull.service", 20)]
)
def test_they_are_hardened(units, name, threshold):
    words = [
        "systemd-analyze",
        "security",
        "--offline=true",
        f"--threshold={threshold}",
        "--no-pager",
        units / name,
    ]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", MAKING)
def test_nothing_hides_the_sandboxes_that_a_unit_makes(name):
    assert not set(settings(name)) & set(BREAKING)
    assert settings(name)["RestrictNamespaces"] == "net mnt"
    assert "@mount" in settings(name)["SystemCallFilter"]
    assert "CAP_SYS_ADMIN" in settings(name)["CapabilityBoundingSet"]
    assert settings(name)["UMask"] == "0027"


def test_quick_saves_do_not_wear_out_the_path_unit():
    for name in ("reconciler-apply.service", "reconciler-apply.path", "reconciler-apply@.path"):
        assert settings(name)["StartLimitIntervalSec"] == "0"


def test_the_watcher_and_the_path_unit_exclude_each_other():
    for name in ("reconciler-apply.path", "reconciler-apply@.path", "reconciler-apply.timer"):
        assert settings(name)["Conflicts"] == "reconciler.service"


def test_what_no_restart_can_mend_is_not_restarted():
    assert settings("reconciler.service")["RestartPreventExitStatus"] == "64 77"


def test_installing_and_removing_are_one_command(tmp_path):
    environment = {"DESTDIR": str(tmp_path), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    subprocess.run([FOLDER / "install"], env=environment, check=True)
    placed = tmp_path / "etc/systemd/system"
    assert sorted(file.name for file in placed.iterdir()) == UNITS
    subprocess.run([FOLDER / "install", "--remove"], env=environment, check=True)
    assert not list(placed.iterdir())
    assert (
        subprocess.run([FOLDER / "install", "--what"], env=environment, capture_output=True).returncode == 64
    )
