"""Every command of the documentation, a host for each page: what it is said to say it says."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, STDOUT
from textwrap import indent

import pytest

from tests.docs import ROOT, Block, Exchange, blocks, exchanges, pages
from tests.netns.lab import ENVIRONMENT, Lab
from tests.netns.namespaces import throwaway_host

HOME = Path("/run/net")  # where a reader works
PATIENCE = 300.0  # seconds, for a machine that does other things too
NO_ROUTER = "sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0"  # as a machine begins
CHANGING = re.compile(  # from run to run, or from host to host: times, digests, indices, MACs and ids
    r"\d+\.\d+ s\b|\b[0-9a-f]{16}\b|(?<=@if)\d+|\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b|\b[0-9a-f]{12}\b"
)
PAGES = [page for page in pages() if any(block.runs for block in blocks(page.read_text()))]


class Reader:
    """Who types what stands there."""

    def __init__(self) -> None:
        HOME.mkdir(parents=True)
        for name in ("manifests", "systemd"):
            (HOME / name).symlink_to(ROOT / name)
        command = Path("/run/bin/reconcile")
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m reconciler "$@"\n')
        command.chmod(0o755)
        self.environment = {**ENVIRONMENT, "PATH": f"/run/bin:{os.environ['PATH']}", "HOME": str(HOME)}
        self.groups: list[int] = []
        self.type(NO_ROUTER)

    def close(self) -> None:
        for group in self.groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def type(self, command: str) -> tuple[int, str]:
        """The exit code, and all that is said; what goes on in the background does so till the page ends."""
        with open("/run/said", "w+") as said:
            shell = subprocess.Popen(
                ["bash", "-euc", command],
                cwd=HOME,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
            self.groups.append(shell.pid)
            code = shell.wait(PATIENCE)
            said.seek(0)
            return code, said.read()

    def hear(self, command: str) -> str:
        """What it says; one that fails says so."""
        code, said = self.type(command)
        assert said or code == 0, f"{command}: exit {code}"
        return said

    def run(self, block: Block) -> str:
        """The block as it should be; raises AssertionError where a command fails that has nothing to say."""
        if block.language == "console":
            return "".join(
                str(Exchange(one.command, self.hear(one.command))) for one in exchanges(block.text)
            )
        code, said = self.type(block.text)
        assert code == 0, f"{block.text}\n{said}"
        return block.text


def steady(text: str) -> list[str]:
    """Without what changes, line by line."""
    return [CHANGING.sub("N", line.rstrip()) for line in text.splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_it_runs(page: Path, lab: Lab, update_golden: bool):
    text, reader = page.read_text(), Reader()
    try:
        for block in list(blocks(text)):
            if block.name:
                (HOME / block.name).parent.mkdir(parents=True, exist_ok=True)
                (HOME / block.name).write_text(block.text)
            elif block.runs:
                said = reader.run(block)
                if update_golden and steady(said) != steady(block.text):
                    text = page.read_text().replace(block.text, said, 1)
                    page.write_text(text)
                assert steady(said) == steady(block.text) or update_golden, f"line {block.line}"
    finally:
        reader.close()


def test_the_readme_shows_what_the_demo_says(privileged: None, update_golden: bool):
    words = ["sh", "-ec", f"ip link set lo up; {NO_ROUTER}; exec ./demo"]
    environment = {**ENVIRONMENT, "RECONCILER_THROWAWAY": "1"}
    with throwaway_host():
        done = subprocess.run(
            words, cwd=ROOT, env=environment, stdout=PIPE, stderr=STDOUT, text=True, timeout=PATIENCE
        )
    assert done.returncode == 0, done.stdout
    readme, said = (ROOT / "README.md").read_text(), re.sub(r"\x1b\[\d*m", "", done.stdout).strip("\n")
    before, _, rest = readme.partition("<!-- demo -->\n")
    shown, mark, after = rest.partition("<!-- /demo -->")
    if update_golden and steady(shown) != steady(indent(said, "    ")):
        lines = (line.rstrip() + "\n" for line in indent(said, "    ").splitlines())
        (ROOT / "README.md").write_text(f"{before}<!-- demo -->\n{''.join(lines)}{mark}{after}")
    assert update_golden or steady(shown) == steady(indent(said, "    "))


def test_an_exchange_is_written_as_it_is_read():
    text = "$ one\n> two\nsaid\n$ three\n"
    assert exchanges(text) == [Exchange("one\ntwo", "said\n"), Exchange("three", "")]
    assert "".join(map(str, exchanges(text))) == text
