"""Whole-command times against the floor program, as ratios of one run: `./check` never runs this.

    python tests/bench/run.py [--quick] [N ...]      in a throw-away namespace (see .ci/setup: throwaway)
    python tests/bench/run.py --one-more [--beside TREE] [N ...]                           likewise

Without N: 100, 500 and 1000 containers, 5,000 on five bridges, 10,000 published ports.  --quick: 100.
Each figure is the wall time in seconds of a fresh process, interpreter start included, the best of some
rounds.  The floor's is that of starting it and of the part that compares: building, reading, destroying;
`plain` is the floor without its tricks, as it was up to 0.2.0.

--one-more: CPU seconds, the best of several, beside 10, 100, 500 and 1000.  One more service is applied; it
is planned, and planned again; another one is planned, then applied.  Another TREE takes turns with this one.
"""

import argparse
import compileall
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATE = "/var/lib/reconciler"
ROUNDS, BRIDGE_PORTS = 3, 1000
ONE_MORE_BESIDE, ONE_MORE_ROUNDS = (10, 100, 500, 1000), 6
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
Row = dict[str, float]


def manifest(count: int, bridges: int, first_port: int = 10000) -> str:
    """`count` containers over `bridges` dual-stack networks, one published port each."""
    networks = "".join(f"  n{b}: {{enable_ipv6: true}}\n" for b in range(bridges))
    boxes = "".join(
        f'  c{i}:\n    networks: [n{i % bridges}]\n    ports: ["{first_port + i}:80"]\n' for i in range(count)
    )
    return f"name: bench\nnetworks:\n{networks}containers:\n{boxes}"


def timed(*argv: str) -> tuple[float, str]:
    start = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return time.perf_counter() - start, done.stdout


def reconcile(*args: str) -> float:
    return timed(sys.executable, "-m", "reconciler", *args, "-q")[0]


def floor(count: int, *how: str) -> Row:
    wall, out = timed(sys.executable, str(ROOT / "tests/bench/floor.py"), str(count), *how)
    spans = json.loads(out)
    start = wall - sum(spans[part] for part in ("build", "read", "destroy"))
    name = "".join(how) or "floor"
    return {f"{name}_{part}": start + spans[part] for part in ("build", "read", "destroy")}


def cycle(file: Path, more: Path) -> Row:
    """From nothing to nothing; what earlier runs remembered is forgotten."""
    shutil.rmtree(STATE, ignore_errors=True)
    row = {"apply": reconcile("--apply", str(file))}
    row["noop"] = min(reconcile("--plan", str(file)) for _ in range(3))
    row["one_more"] = reconcile("--apply", str(more))
    row["destroy"] = reconcile("--destroy", str(more))
    return row


def measure(count: int, rounds: int, folder: Path) -> Row:
    """The best of each, with the floor right beside."""
    bridges = -(-count // BRIDGE_PORTS)
    file, more = folder / "bench.yaml", folder / "more.yaml"
    file.write_text(manifest(count, bridges))
    more.write_text(manifest(count + 1, bridges))
    found = [
        floor(count) | floor(count, "plain") | cycle(file, more) if bridges == 1 else cycle(file, more)
        for _ in range(rounds)
    ]
    row = {name: min(one[name] for one in found) for name in found[0]}
    row["one_more-noop"] = row["one_more"] - row["noop"]
    for part, of in (("apply", "build"), ("noop", "read"), ("destroy", "destroy")):
        for held_against in ("floor", "plain") if bridges == 1 else ():
            row[f"{part}/{held_against}"] = row[part] / row[f"{held_against}_{of}"]
    return {"containers": count, "bridges": bridges} | row


def published(count: int, folder: Path) -> Row:
    """A shifted range, which takes one map element a port."""
    file, ports = folder / "ports.yaml", f"10000-{9999 + count}:{20000}-{19999 + count}"
    file.write_text(f"name: bench\ncontainers:\n  c:\n    ports: ['{ports}']\n")
    row = {"ports": count, "apply": reconcile("--apply", str(file)), "noop": reconcile("--plan", str(file))}
    return row | {"destroy": reconcile("--destroy", str(file))}


def spent(tree: Path, *args: str) -> float:
    """CPU seconds of a run of this tree's command, with those of its children."""
    argv = [sys.executable, "-m", "reconciler", *args, "-q"]
    run = subprocess.Popen(argv, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)})
    _, status, used = os.wait4(run.pid, 0)
    if status:
        sys.exit(f"{' '.join(args)}: status {status}")
    return used.ru_utime + used.ru_stime


def one_more(count: int, trees: list[Path], file: Path) -> list[Row]:
    """By tree, the best of each."""
    shutil.rmtree(STATE, ignore_errors=True)
    found: list[Row] = [{} for _ in trees]
    networks = 1 + count // BRIDGE_PORTS

    def run(tree: Path, mode: str, more: int = 0) -> float:
        nonlocal count
        count += more
        file.write_text(manifest(count, networks))
        return spent(tree, mode, str(file))

    run(trees[0], "--apply")
    for _ in range(ONE_MORE_ROUNDS):
        for tree, row in zip(trees, found, strict=True):
            for name, mode, more in (
                ("apply", "--apply", 1),
                ("noop", "--plan", 0),
                ("noop_again", "--plan", 0),
                ("plan", "--plan", 1),
                ("apply_of_plan", "--apply", 0),
            ):
                row[name] = min(row.get(name, float("inf")), run(tree, mode, more))
    run(trees[0], "--destroy")
    return found


def beside_each_other(counts: Iterable[int], trees: list[Path]) -> Iterator[Row]:
    """The rows of each tree in turn."""
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            for number, row in enumerate(one_more(count, trees, Path(folder, "bench.yaml"))):
                yield {"beside": count, "tree": number} | row


def rows(counts: list[int], *, quick: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        whole = not counts and not quick
        last: Row = {}
        for count in counts or ([100] if quick else [100, 500, 1000]):
            row = measure(count, 1 if quick else ROUNDS, Path(folder))
            if last:
                each = (row["apply"] - last["apply"]) / (count - last["containers"])
                row["ms_for_each_further"] = 1000 * each
            yield (last := row)
        if whole:
            yield measure(5000, 1, Path(folder))
            yield published(10_000, Path(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("counts", nargs="*", type=int, metavar="N")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--one-more", action="store_true", help="one more container beside N, in CPU seconds")
    parser.add_argument("--beside", type=Path, action="append", default=[], metavar="TREE")
    arguments = parser.parse_args()
    if "RECONCILER_THROWAWAY" not in os.environ:
        parser.error("this host would lose what is applied to it: see .ci/setup for a throw-away one")
    trees = [ROOT, *arguments.beside]
    for tree in trees:
        compileall.compile_dir(tree / "reconciler", quiet=1)  # as installing does
    found = rows(arguments.counts, quick=arguments.quick)
    if arguments.one_more:
        found = beside_each_other(arguments.counts or ONE_MORE_BESIDE, trees)
    for row in found:
        print(json.dumps({name: round(value, 3) for name, value in row.items()}), flush=True)


if __name__ == "__main__":
    main()
