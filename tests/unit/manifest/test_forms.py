"""What is kept of the models checks as they do, needs no pydantic, and is believed of this program alone."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.manifest.model import described, forms
from reconciler.manifest.model.record import Record

OF_NETWORKS = (forms.SERVICE, forms.CONTAINER, forms.NETWORK, forms.HOST, forms.POOL, forms.TOP)
CHECKED = [one.name for one in (*OF_NETWORKS, forms.WORKLOAD, forms.VOLUME, forms.SHARED_FILE)]
LOAD = """
import sys
from reconciler.errors import ManifestErrors
from reconciler.pipeline import load
try:
    print(load([sys.argv[1]], environ={}, folder=sys.argv[2]))
except ManifestErrors as error:
    print(*error.errors, sep="\\n")
print(not sys.modules.keys().isdisjoint(("pydantic", "pydantic_core.core_schema")))
"""
GOOD = """
networks:
  a: {driver: bridge, mtu: auto, ipam: {config: [{subnet: 10.1.0.0/24, aux_addresses: {x: 10.1.0.9}}]}}
services:
  web:
    networks: {a: {ipv4_address: 10.1.0.5, routes: [{to: 10.2.0.0/16, via: 10.1.0.9}]}}
    ports: ["127.0.0.1:8000-8009:80-89/udp", {target: 80, published: "8080"}, 90]
    dns: 9.9.9.9
    sysctls: [net.ipv4.ip_forward=1]
    attach: {pid: 7}
    deploy: {replicas: 1, placement: {constraints: [node.hostname == x]}}
hosts: {h: {address: 192.0.2.1}}
pools: [{base: 10.64.0.0/10, size: 24}]
"""
BAD = """
networks: {a: {driver: bridge, mtu: 12, prot: 1, ipam: {config: [{subnet: 10.1.0.1/24}]}}}
services:
  web: {ports: ["8000-8009:80-81", x], dns: [1], scale: many, deploy: {mode: odd, replica: 1}, dns_opt: 1}
"""


@pytest.mark.parametrize("name", CHECKED)
def test_pydantics_schema_is_kept_whole(name):
    kept = json.loads(json.dumps(described.schema(name)))
    made = described.models()[name].__pydantic_core_schema__
    assert without_classes(forms.revived(kept)) == without_classes(made)


def without_classes(value):
    """A schema, without what only editors are told, and any record in place of another."""
    if isinstance(value, dict):
        kept = {key: inner for key, inner in value.items() if key not in described.FOR_EDITORS}
        return {key: without_classes(inner) for key, inner in kept.items()}
    if isinstance(value, list | tuple):
        return [*map(without_classes, value)]
    return Record if isinstance(value, type) and issubclass(value, Record | forms.Checked) else value


def said(folder: Path, text: str, kept: Path | str = "kept") -> tuple[str, bool]:
    """What is loaded, or what is wrong with it; and whether pydantic was there, or more than what checks."""
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / "compose.yaml").write_text(text)
    argv = [sys.executable, "-c", LOAD, str(folder / "in"), str(folder / kept)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    out, imported = done.stdout.rstrip().rsplit("\n", 1)
    return out, imported == "True"


@pytest.mark.parametrize("text", [GOOD, BAD], ids=["good", "bad"])
def test_a_later_run_says_the_same_without_pydantic(tmp_path, text):
    first, imported = said(tmp_path, text)
    assert imported
    forget_manifests(tmp_path / "kept")
    assert said(tmp_path, text) == (first, False)


def forget_manifests(kept: Path) -> None:
    for file in kept.iterdir():
        if file.name != "models":
            file.unlink()


def torn(data: bytes) -> bytes:
    return data.replace(b'"bool"', b'"any"')


def of_another(data: bytes) -> bytes:
    head, _, body = data.partition(b"\n")
    return json.dumps({**json.loads(head), "program": ["other"]}).encode() + b"\n" + body


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> tuple[Path, str]:
    """A folder in which it was loaded once, and what was said."""
    folder = tmp_path_factory.mktemp("good")
    first, _ = said(folder, GOOD)
    return folder, first


@pytest.mark.parametrize("change", [torn, of_another, lambda _: b"", lambda data: data[:-9]])
def test_what_is_not_as_it_was_written_or_of_another_program_is_made_anew(tmp_path, good, change):
    folder, first = good
    kept = shutil.copytree(folder / "kept", tmp_path / "kept")
    (kept / "models").write_bytes(change((kept / "models").read_bytes()))
    forget_manifests(kept)
    assert said(folder, GOOD, kept) == (first, True)
    forget_manifests(kept)
    assert said(folder, GOOD, kept) == (first, False)


def test_of_another_pydantic_that_has_more_in_it_the_model_itself_checks(monkeypatch):
    monkeypatch.setattr(described, "NAMES", {})
    monkeypatch.delitem(forms.KNOWN.schemas, "Pool", raising=False)
    assert forms.Form("Pool").check({"base": "10.0.0.0/8", "size": 24}).base == "10.0.0.0/8"
