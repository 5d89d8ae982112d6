"""Another user's work tree, which a host of one user cannot have."""

import os
import pwd
import shutil
import subprocess

import pytest

from reconciler.safety.git import commit, writing

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
OTHER = "nobody"


def git(tree, *words):
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(["git", *who, *words], cwd=tree, check=True, user=OTHER, env={"PATH": os.defpath})


def test_what_is_changed_there_is_told_and_its_settings_run_nothing_as_us(tmp_path):
    other = pwd.getpwnam(OTHER)
    (tree := tmp_path / "tree").mkdir()
    for folder in (tree, *tree.parents[:3]):
        folder.chmod(0o755)
    os.chown(tree, other.pw_uid, other.pw_gid)
    git(tree, "init", "-q")
    git(tree, "commit", "-qm", "one", "--allow-empty")
    (tree / "t.yaml").write_text("name: t\n")
    (tree / ".gitattributes").write_text("* filter=trap\n")
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "two")
    git(tree, "config", "filter.trap.clean", f"id -u >{tree}/.git/ran; cat")
    assert len(commit((str(tree),))) == 12
    (tree / "t.yaml").write_text("name: u\n")
    assert commit((str(tree),)).endswith("+dirty")
    assert not (tree / ".git/ran").exists()
    with open(tree / ".git/index.lock", "w"):
        os.chown(tree / ".git/index.lock", other.pw_uid, other.pw_gid)
        assert writing([str(tree)])
