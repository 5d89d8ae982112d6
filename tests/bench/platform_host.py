"""A platform's host, in CPU seconds and MiB: 300 projects in 500 files.  `./check` never runs this.

    python tests/bench/platform_host.py [PART ...] [--projects N]    in a throw-away namespace (.ci/setup)
    python tests/bench/platform_host.py --write FOLDER [--projects N]  writes the repository alone, anywhere

Each line is one command, or a stretch of the life of a watcher: processor time with that of children (walls
mean nothing where others work), and the most memory that one process had.
"""

import argparse
import compileall
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROJECTS, SANDBOXES, NETWORKS, PORTS = 300, 4021, 513, 900  # as counted on one platform
OVERRIDDEN, EXTENDING, INCLUDING = 0.4, 50 / 300, 0.1  # of the projects: 500 files of 300
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
STATUS = Path("/run/reconciler/status.json")
TICK = os.sysconf("SC_CLK_TCK")
PARTS = ("json", "command", "watcher")
Row = dict[str, float]


def repository(folder: Path, projects: int = PROJECTS) -> list[Path]:
    """Written below the folder, the same each time: the main file of each project."""
    dice = random.Random(11)
    weights = [dice.paretovariate(1.2) for _ in range(projects)]  # a few are large

    def shares(total: int, least: int) -> Counter[int]:
        more = Counter(
            dice.choices(range(projects), weights, k=total * projects // PROJECTS - least * projects)
        )
        return more + Counter(dict.fromkeys(range(projects), least))

    services, networks, ports = shares(SANDBOXES, 2), shares(NETWORKS, 1), shares(PORTS, 0)
    sizes = [(services[i], networks[i], ports[i]) for i in range(projects)]
    return [write(folder, i, sizes, dice) for i in range(projects)]


def write(folder: Path, number: int, sizes: list[tuple[int, int, int]], dice: random.Random) -> Path:
    services, networks, ports = sizes[number]
    first_port = 10000 + sum(one for _, _, one in sizes[:number])
    home = folder / f"team{number % 25:02}" / f"project{number:03}"
    home.mkdir(parents=True)
    share = number / len(sizes)
    nets = {f"net{k}": network(number, k) for k in range(networks)}
    boxes = {
        f"app{k}": service(k, networks, first_port + k if k < ports else 0, dice) for k in range(services)
    }
    extends, includes = share < EXTENDING, share >= 1 - INCLUDING
    if extends:
        (home / "common.yaml").write_text(
            json.dumps({"services": {"base": {"image": "base", "dns": ["9.9.9.9"]}}})
        )
        boxes["app0"]["extends"] = {"file": "common.yaml", "service": "base"}
    if includes:
        (home / "networks.yaml").write_text(f"# Of {home.name}.\n" + block({"networks": nets}))
    whole = {"name": home.name, "services": boxes}
    whole |= {"include": ["networks.yaml"]} if includes else {"networks": nets}
    (home / "compose.yaml").write_text(block(whole))
    if number % 5 in (1, 3):
        over = {"app1": {"environment": {"LEVEL": "${LEVEL:-info}"}, "hostname": "one"}}
        (home / "compose.override.yaml").write_text(block({"services": over}))
    return home / "compose.yaml"


def network(number: int, k: int) -> dict[str, object]:
    """Every third has a subnet of its own choice; some are internal, some dual stack."""
    written = (
        {"ipam": {"config": [{"subnet": f"10.{64 + 2 * k + number // 250}.{number % 250}.0/24"}]}}
        if k and k % 3 == 0
        else {}
    )
    return {"internal": k % 7 == 5, "enable_ipv6": number % 4 == 0, **written}


def service(k: int, networks: int, port: int, dice: random.Random) -> dict[str, object]:
    joined = sorted({k % networks, *dice.sample(range(networks), min(networks, dice.choice((1, 1, 1, 2))))})
    made: dict[str, object] = {
        "image": f"registry.example/app{k}:1.{dice.randrange(40)}",
        "restart": "unless-stopped",
        "environment": {
            "DATABASE": "db:5432",
            "WORKERS": str(dice.randrange(1, 9)),
            "MODE": "${MODE:-production}",
        },
        "labels": {"team": "platform", "tier": "web" if port else "back"},
        "networks": [f"net{one}" for one in joined],
    }
    return made | ({"ports": [f"{port}:8080"]} if port else {}) | ({"depends_on": ["app0"]} if k else {})


def block(value: object, indent: int = 0) -> str:
    """YAML as people write it: a line a key."""
    if not isinstance(value, dict):
        return f" {json.dumps(value)}\n"
    rows = (f"{'  ' * indent}{key}:{block(one, indent + 1)}" for key, one in value.items())
    return ("\n" if indent else "") + "".join(rows)


def reconcile(*args: str) -> list[str]:
    return [sys.executable, "-m", "reconciler", *args]


def command(*args: str) -> Row:
    """What one run of the command cost."""
    began = time.perf_counter()
    run = subprocess.Popen(reconcile(*args), env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode:
        sys.exit(f"{' '.join(args)}: exit {run.returncode}")
    wall = time.perf_counter() - began
    return {"cpu": used.ru_utime + used.ru_stime, "rss_mib": used.ru_maxrss / 1024, "wall": wall}


def more(file: Path) -> None:
    """One more service in one project, as a commit brings it."""
    text = file.read_text()
    name = f"more{text.count('more')}"
    file.write_text(text.replace("services:\n", f"services:\n  {name}:\n    networks: [net0]\n", 1))


def one_shot(folder: Path, files: list[Path]) -> Iterator[tuple[str, Row]]:
    yield "validate", command("--validate", "-q", str(folder))
    yield "apply", command("--apply", "-q", str(folder))
    for name in ("no-op plan, the first", "no-op plan"):
        yield name, command("--plan", "-q", str(folder))
    more(files[len(files) // 2])
    yield "plan of one file", command("--plan", "-q", str(folder))
    yield "its apply", command("--apply", "-q", str(folder))


class Watcher:
    """One that runs, and what it has used since it was last asked."""

    def __init__(self, folder: Path):
        STATUS.unlink(missing_ok=True)
        self.run = subprocess.Popen(reconcile("--watch", "-q", str(folder)), env=ENVIRONMENT)

    def told(self) -> dict[str, Any]:
        """Its status, or nothing yet."""
        return json.loads(STATUS.read_text()) if STATUS.exists() else {"in_sync": False}

    def stretch(self, work: Callable[[], object], done: Callable[[], bool]) -> Row:
        before, began = spent(self.run.pid), time.perf_counter()
        work()
        while not done():
            time.sleep(0.1)
        wall = time.perf_counter() - began
        return {"cpu": spent(self.run.pid) - before, "rss_mib": peak(self.run.pid), "wall": wall}

    def rest(self, seconds: float) -> Row:
        end = time.perf_counter() + seconds
        return self.stretch(lambda: None, lambda: time.perf_counter() > end)

    def commit(self, work: Callable[[], object]) -> Row:
        """Until it has applied what was written."""
        count = self.told()["last_apply"]["count"]
        return self.stretch(
            work, lambda: self.told()["in_sync"] and self.told()["last_apply"]["count"] > count
        )

    def end(self) -> None:
        self.run.send_signal(signal.SIGTERM)
        self.run.wait()


def spent(pid: int) -> float:
    """Processor seconds of a process and of the children that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICK


def peak(pid: int) -> float:
    words = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()
    return int(words[0]) / 1024


def watching(folder: Path, files: list[Path], seconds: float) -> Iterator[tuple[str, Row]]:
    watcher = Watcher(folder)
    yield "watcher, its start", watcher.stretch(lambda: None, lambda: watcher.told()["in_sync"])
    yield f"watcher, {seconds:g} s idle", watcher.rest(seconds)
    for file in files[3:5]:
        yield "watcher, one file", watcher.commit(lambda file=file: more(file))
    for file in files[len(files) // 3 :]:  # more than may go without a person
        shutil.rmtree(file.parent)
    yield "watcher, a refusal", watcher.stretch(lambda: None, lambda: bool(watcher.told()["error"]))
    yield f"watcher, {seconds:g} s with it", watcher.rest(seconds)
    watcher.end()


def rows(parts: list[str], projects: int, seconds: float) -> Iterator[tuple[str, Row]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "json" in parts:  # while nothing stands
            repository(folder / "b", 500)
            yield "json, 500 projects", command("--plan", "-o", "json", str(folder / "b"))
        files = repository(folder / "a", projects)
        if "command" in parts:
            yield from one_shot(folder / "a", files)
        if "watcher" in parts:
            yield from watching(folder / "a", files, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--projects", type=int, default=PROJECTS, metavar="N")
    parser.add_argument(
        "--seconds", type=float, default=60, metavar="S", help="for which the watcher is idle"
    )
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the repository, and nothing else")
    arguments = parser.parse_args()
    if arguments.write:
        repository(arguments.write, arguments.projects)
        return
    if "RECONCILER_THROWAWAY" not in os.environ:
        parser.error("this host would lose what is applied to it: see .ci/setup for a throw-away one")
    compileall.compile_dir(ROOT / "reconciler", quiet=1)  # as installing does
    for label, row in rows(arguments.parts or list(PARTS), arguments.projects, arguments.seconds):
        print(
            json.dumps({"what": label} | {name: round(value, 2) for name, value in row.items()}), flush=True
        )


if __name__ == "__main__":
    main()
