"""The command as scripts see it: modes, exit codes, limits, and what is printed where."""

import json
import os
import re
from pathlib import Path

import pytest

import reconciler
from reconciler.version import __version__
from tests.netns.lab import ENVIRONMENT, command
from tests.netns.samples import MORE, OTHER, WEB
from tests.netns.snapshot import differing

GIT = ("-c", "user.name=a", "-c", "user.email=a@example.com")


def test_plan_is_the_default_mode_and_changes_nothing(lab):
    before = lab.snapshot()
    result = lab.succeed(lab.reconcile(lab.write(WEB)))
    assert "container t-db" in result.out and "network t_n" in result.out
    assert differing(before, lab.snapshot()) == {}
    assert not os.path.exists("/run/netns")


def test_plan_sends_no_changing_request(lab):
    """Every netlink request of its system calls is a dump or asks for one thing; and nothing is mounted."""
    lab.apply(WEB)
    plan = command("--plan", lab.write(MORE))
    # What the kernel makes of our rules is asked in a namespace of its own, once.
    lab.run(plan, env=ENVIRONMENT)
    calls = "trace=sendto,sendmsg,mount,umount2,unshare"
    lab.run(["strace", "-f", "-qq", "-e", calls, "-o", str(lab.files / "trace"), *plan], env=ENVIRONMENT)
    trace = (lab.files / "trace").read_text().splitlines()
    # strace has no name for three of them: nf_tables' generation, RTM_GETNEIGH of a bridge and RTM_GETNSID.
    harmless = re.compile(r"NLM_F_DUMP|\|0x300\b|_GET|nlmsg_type=0x(a10|1e|5a)\b")
    asked = [line for line in trace if harmless.search(line)]
    assert len(asked) > 20
    assert [line for line in trace if line not in asked] == []


def test_plan_writes_no_file_but_what_it_has_read(lab):
    """Below /run/reconciler, to read it faster the next time."""
    lab.apply(WEB)
    trace, calls = lab.files / "trace", "trace=open,openat,creat"
    plan = command("--plan", lab.write(MORE))
    lab.run(["strace", "-f", "-qq", "-e", calls, "-o", str(trace), *plan], env=ENVIRONMENT)
    written = re.findall(r'"([^"]*)", [A-Z_|]*O_(?:WRONLY|RDWR|CREAT|TRUNC)', trace.read_text())
    others = [name for name in written if not name.startswith("/run/reconciler/")]
    assert len(written) > len(others) and {*others} <= {"/dev/null"}


def test_exit_code_tells_of_changes(lab):
    assert lab.plan(WEB, "--exit-code").rc == 2
    lab.apply(WEB)
    assert lab.plan(WEB, "--exit-code").rc == 0
    assert lab.plan(MORE, "--exit-code").rc == 2


READERS = [
    ("json", "| head -c 1"),
    ("wide", "2>&1 | head -n 1"),
    ("text", "| true"),
    ("markdown", "2>&1 >&- | true"),
]


def test_a_reader_who_leaves_does_not_change_the_exit_code(lab):
    def codes() -> set[int]:
        planned = " ".join(command("--plan", "--exit-code", lab.files / "t.yaml", "-o"))
        lines = [f"{planned} {form} {reader} >/dev/null; exit ${{PIPESTATUS[0]}}" for form, reader in READERS]
        return {lab.run(["bash", "-c", line], check=False, env=ENVIRONMENT).rc for line in lines}

    lab.write(WEB)
    assert codes() == {2}
    lab.apply(WEB)
    assert codes() == {0}


def test_status_tells_whether_it_is_in_sync(lab):
    assert lab.reconcile("--status").out == "nothing stands\n"
    lab.apply(WEB)
    file = lab.files / "t.yaml"
    uncompared = lab.succeed(lab.reconcile("--status")).out
    assert lab.succeed(lab.reconcile("--status", file)).out == uncompared + "in sync\n"
    lab.run("nft delete table inet reconciler")
    assert lab.reconcile("--status", file).rc == 2


def test_the_shape_of_json(lab):
    plan = lab.plan(WEB, "-o", "json").json
    assert plan["schema_version"] == 1
    assert plan["digest"] and "revision" in plan
    assert plan.get("projects") == ["t"] or plan.get("project") == "t"
    assert {"create", "update", "replace", "delete", "unchanged"} <= plan["summary"].keys()
    assert plan["summary"]["create"] + plan["summary"]["update"] == len(plan["steps"])
    for step in plan["steps"]:
        assert {"op", "kind", "key", "because", "disruption", "origin", "before", "after"} <= step.keys()
    origin = next(step["origin"] for step in plan["steps"] if step["key"] == "link t-web/eth0")
    assert origin["file"].endswith("t.yaml") and origin["line"] == 6 and origin["column"] > 0


def test_json_tells_where_it_comes_from(lab):
    plan = lab.plan(WEB, "-o", "json").json
    assert (plan["host"], plan["commit"], plan["version"]) == (os.uname().nodename, "", __version__)
    lab.run(["git", "init", "-q", str(lab.files)])
    lab.run(["git", "-C", str(lab.files), *GIT, "commit", "-qm", "x", "--allow-empty"])
    head = lab.run(["git", "-C", str(lab.files), "rev-parse", "HEAD"]).out[:12]
    assert lab.plan(WEB, "-o", "json").json["commit"] == f"{head}+dirty"
    lab.apply(WEB)
    lab.run(["git", "-C", str(lab.files), "add", "."])
    lab.run(["git", "-C", str(lab.files), *GIT, "commit", "-qm", "y"])
    for _ in range(2):  # the same manifests, of another commit
        lab.run(["git", "-C", str(lab.files), *GIT, "commit", "-qm", "z", "--allow-empty"])
        head = lab.run(["git", "-C", str(lab.files), "rev-parse", "HEAD"]).out[:12]
        plan = lab.plan(WEB, "-o", "json").json
        assert (plan["commit"], plan["steps"]) == (head, [])


def test_json_of_an_apply_and_of_an_error_is_one_object(lab):
    assert lab.apply(WEB, "-o", "json").json["summary"]["create"] > 5
    assert json.loads(lab.try_apply("{name: t, networks: {n: {driver: nope}}}", "-o", "json").err)


def test_what_quiet_leaves_out_is_as_the_page_says(lab):
    page = (Path(reconciler.__file__).parent / "docs/command.md").read_text()
    silent = re.findall("`(--[a-z]+)`", re.search("\nWith `-q` (.*?)All others", page, re.DOTALL)[1])
    lab.apply(WEB)
    lab.apply(MORE)
    file = lab.write(WEB)
    bare = ("--rollback", "--suspend", "--resume", "--key", "--history", "--schema")
    asked = {"--explain": ["web"], "--resolve": ["db"], "--trace": ["db", "web:80"]}
    others = ("--show", "--exposure", "--doctor", "--graph", *asked, *bare[3:])
    for mode in [*sorted({*silent} - {"--confirm"}), *others]:
        said = lab.reconcile(mode, *asked.get(mode, []), "-q", *([] if mode in bare else [file]))
        assert (said.out == "") == (mode in silent) and said.rc in (0, 1, 2), (mode, said)
    assert {"--plan", "--destroy", "--confirm"} < {*silent} and lab.apply(WEB)
    assert lab.reconcile("--status", "-q", "-o", "json").json["in_sync"] is True


def test_shell_is_commands_that_a_shell_can_read(lab):
    script = lab.succeed(lab.plan(WEB, "-o", "shell")).out
    assert "ip netns add t-web" in script and "nft " in script and "ip link add br-t-n type bridge" in script
    lab.run(["sh", "-n"], input=script)


def test_stdout_has_the_result_and_stderr_the_errors(lab):
    assert lab.apply(WEB).err == ""
    result = lab.try_apply("{name: t, networks: {n: {driver: nope}}}")
    assert result.out == "" and "nope" in result.err


def test_quiet_prints_nothing(lab):
    result = lab.apply(WEB, "-q")
    assert (result.out, result.err) == ("", "")


def test_no_colours_where_no_terminal_is(lab):
    assert "\033[" not in lab.plan(WEB).out
    assert "\033[" in lab.plan(WEB, "--color", "always").out


def test_explain_tells_everything_about_one_resource(lab):
    lab.apply(WEB)
    file = lab.files / "t.yaml"
    result = lab.succeed(lab.reconcile("--explain", "link host/br-t-n", file))
    assert "t.yaml:4" in result.out and "in sync" in result.out
    assert lab.reconcile("--explain", "link host/nope", file).rc == 64


def test_show_prints_what_was_decided(lab):
    text = lab.succeed(lab.reconcile("--show", lab.write(WEB))).out
    assert "t-web" in text and "8080" in text and "10.91.0." in text
    assert lab.succeed(lab.reconcile("--show", lab.write(WEB), "-o", "json")).json


def test_a_manifest_from_standard_input(lab):
    lab.run(command("--apply", "-"), env=ENVIRONMENT, input=WEB)
    assert lab.namespaces() == ["t-db", "t-web"]


# exit codes


@pytest.mark.parametrize("arguments", ["--nonsense", "apply", "--apply --plan", "--only", "-o yaml"])
def test_wrong_usage_is_64(lab, arguments):
    result = lab.reconcile(*arguments.split())
    assert result.rc == 64 and "Traceback" not in result.err, result


def test_a_file_that_is_not_there_is_one_sentence(lab):
    result = lab.reconcile("--plan", "/nowhere.yaml")
    assert result.rc in (64, 65) and "/nowhere.yaml" in result.err and "Traceback" not in result.err, result


def test_a_mode_without_dashes_gets_a_hint(lab):
    assert "--apply" in lab.reconcile("apply").err


@pytest.mark.parametrize(
    ("manifest", "place"),
    [
        ("name: t\nnetworks:\n  n: {driver: nope}\n", "t.yaml:3"),
        ("name: t\nnetworks:\n  n: {drivr: bridge}\n", "t.yaml:3"),
        ("name: t\ncontainers:\n  a: {networks: [nope]}\n", "t.yaml:3"),
        ("name: t\nname: u\n", "t.yaml:2"),
        ("name: t\ncontainers: [\n", "t.yaml:"),
        ("name: t\ncontainers:\n  '../x': {}\n", "t.yaml:3"),
        ("name: t\ncontainers:\n  'a;reboot': {}\n", "t.yaml:3"),
        ("name: t\nnetworks:\n  n: {bridge_name: 'a/b'}\n", "t.yaml:3"),
        ("name: t\nnetworks:\n  n: {bridge_name: 'br%d'}\n", "t.yaml:3"),
        ("name: t\nnetworks:\n  n: {bridge_name: 'much-too-long-a-name'}\n", "t.yaml:3"),
        ("name: t\nnetworks:\n  n: {mtu: 10}\n", "t.yaml:3"),
    ],
    ids=[
        "driver",
        "unknown_key",
        "unknown_network",
        "duplicate_key",
        "syntax",
        "path_in_a_name",
        "shell_in_a_name",
        "slash",
        "percent",
        "length",
        "mtu",
    ],
)
def test_an_invalid_manifest_is_65_with_its_place(lab, manifest, place):
    lab.refused(manifest, place)


def test_all_mistakes_are_told_together(lab):
    result = lab.refused("name: t\nnetworks:\n  n: {icc: nope}\n  m: {mtu: x}\n")
    assert "t.yaml:3" in result.err and "t.yaml:4" in result.err


def test_without_permission_it_is_77_and_one_sentence(lab):
    result = lab.run(["unshare", "-U", *command("--apply", lab.write(WEB))], check=False, env=ENVIRONMENT)
    assert result.rc == 77, result
    assert "Traceback" not in result.err


def test_validate_needs_no_permission(lab):
    lab.run(["unshare", "-U", *command("--validate", lab.write(WEB))], env=ENVIRONMENT)


# limits


def test_only_applies_the_plan_that_was_reviewed(lab):
    digest = lab.plan(WEB, "-o", "json").json["digest"]
    lab.apply(WEB, "--only", digest)
    assert lab.planned(WEB) == []


def test_only_refuses_a_stale_plan(lab):
    digest = lab.plan(WEB, "-o", "json").json["digest"]
    lab.apply("{name: t, networks: {n: {}}}")
    before = lab.snapshot()
    result = lab.try_apply(WEB, "--only", digest)
    assert result.rc == 1 and digest in result.err
    assert differing(before, lab.snapshot()) == {}


def test_out_saves_the_plan(lab):
    lab.plan(WEB, "--out", lab.files / "plan.json")
    saved = json.loads((lab.files / "plan.json").read_text())
    assert saved["digest"] == lab.plan(WEB, "-o", "json").json["digest"]


@pytest.mark.parametrize(("limit", "rc"), [("0", 3), ("1", 0), ("10%", 3), ("90%", 0)])
def test_max_removals(lab, limit, rc):
    lab.apply(MORE)
    assert lab.try_apply(WEB, "--max-removals", limit).rc == rc
    assert ("t-cache" in lab.namespaces()) is (rc == 3)


@pytest.mark.parametrize(("limit", "rc"), [("none", 1), ("link", 1), ("recreate", 0)])
def test_max_disruption(lab, limit, rc):
    lab.apply(MORE)
    assert lab.try_apply(WEB, "--max-disruption", limit).rc == rc


def test_no_prune_leaves_what_is_no_longer_declared(lab):
    lab.apply(MORE)
    lab.apply(WEB, "--no-prune")
    assert "t-cache" in lab.namespaces()
    lab.apply(WEB)
    assert "t-cache" not in lab.namespaces()


def test_environment_twins(lab):
    environment = {**ENVIRONMENT, "RECONCILE_EXIT_CODE": "1"}
    assert lab.run(command("--plan", lab.write(WEB)), check=False, env=environment).rc == 2


# directories


def test_a_directory_is_the_whole_truth_for_its_projects(lab):
    lab.write(WEB, "dir/t.yaml")
    lab.write(OTHER, "dir/o.yaml")
    lab.succeed(lab.reconcile("--apply", lab.files / "dir"))
    assert lab.namespaces() == ["o-db", "o-web", "t-db", "t-web"]
    (lab.files / "dir/o.yaml").unlink()
    lab.succeed(lab.reconcile("--apply", lab.files / "dir"))
    assert lab.namespaces() == ["t-db", "t-web"]


def test_a_file_is_the_truth_for_its_project_alone(lab):
    lab.write(WEB, "dir/t.yaml")
    lab.write(OTHER, "dir/o.yaml")
    lab.succeed(lab.reconcile("--apply", lab.files / "dir"))
    lab.succeed(lab.reconcile("--apply", lab.files / "dir/t.yaml"))
    assert lab.namespaces() == ["o-db", "o-web", "t-db", "t-web"]
