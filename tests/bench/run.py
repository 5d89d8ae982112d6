"""Whole-command times against the floor program, as ratios of one run: `./check` never runs this.

    python tests/bench/run.py [N ...]      default 100 1000; needs a throw-away namespace (see .ci/setup: throwaway)

Each figure is the wall time of a fresh process, interpreter start included, on both sides.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
PYTHON = sys.executable


def manifest(count: int, bridges: int, first_port: int = 10000) -> str:
    """`count` containers over `bridges` dual-stack networks, one published port each."""
    networks = "".join(f"  n{b}: {{enable_ipv6: true}}\n" for b in range(bridges))
    boxes = "".join(
        f'  c{i}:\n    networks: [n{i % bridges}]\n    ports: ["{first_port + i}:80"]\n' for i in range(count)
    )
    return f"name: bench\nnetworks:\n{networks}containers:\n{boxes}"


def timed(*argv: str) -> float:
    start = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return time.perf_counter() - start


def reconcile(*args: str) -> float:
    return timed(PYTHON, "-m", "reconciler", *args, "-q")


def floor(count: int) -> float:
    return timed(PYTHON, str(HERE / "floor.py"), str(count))


def measure(count: int, bridges: int, folder: Path) -> dict[str, float]:
    file, more = folder / "bench.yaml", folder / "more.yaml"
    file.write_text(manifest(count, bridges))
    more.write_text(manifest(count + 1, bridges))
    row: dict[str, float] = {"containers": count, "bridges": bridges}
    row["floor"] = floor(count)
    row["apply"] = reconcile("--apply", str(file))
    row["noop"] = min(reconcile("--plan", str(file)) for _ in range(3))
    row["one_more"] = reconcile("--apply", str(more))
    row["destroy"] = reconcile("--destroy", str(more))
    row["apply/floor"] = row["apply"] / row["floor"]
    return {name: round(value, 3) for name, value in row.items()}


def main() -> None:
    counts = [int(word) for word in sys.argv[1:]] or [100, 1000]
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            print(json.dumps(measure(count, max(1, count // 1000), Path(folder))), flush=True)


if __name__ == "__main__":
    main()
