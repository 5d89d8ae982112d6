"""What loading costs: no library of the kernel's, and time in proportion to the manifest."""

import subprocess
import sys
import time

import pytest

from reconciler.errors import ManifestErrors
from reconciler.pipeline import load

PROBE = """
import sys
from reconciler.pipeline import load
load(["-"], environ={}, stdin="services: {web: {ports: ['80']}}")
loaded = {"pyroute2", "nftables", "watchdog", "asyncio"} & set(sys.modules)
sys.exit(f"{loaded} imported" if loaded else 0)
"""


def test_nothing_of_the_kernels_is_imported():
    subprocess.run([sys.executable, "-c", PROBE], check=True)


def large(count):
    lines = [
        f"  w{i}: {{image: a, hostname: w{i}, networks: {{n: }}, ports: ['{i + 1024}:80']}}"
        for i in range(count)
    ]
    return "name: big\nnetworks: {n: }\nservices:\n" + "\n".join(lines)


def test_time_grows_with_the_manifest_and_no_faster():
    spent = []
    for count in (500, 2000):
        start = time.process_time()
        assert len(load(["-"], environ={}, stdin=large(count)).projects[0].containers) == count
        spent.append(time.process_time() - start)
    assert spent[1] < 8 * spent[0] + 0.05


def test_a_number_of_any_length_is_refused_at_once():
    text = f"runtime: podman\nservices: {{web: {{image: x, stop_grace_period: '{'9' * 100_000}'}}}}"
    start = time.process_time()
    with pytest.raises(ManifestErrors) as caught:
        load(["-"], environ={}, stdin=text)
    assert time.process_time() - start < 5  # and not minutes
    assert "is no time" in caught.value.errors[0].message
