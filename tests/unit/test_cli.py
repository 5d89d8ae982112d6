"""The command line where it needs no kernel: modes, exit codes, what is printed where."""

import json
from pathlib import Path

import pytest

from reconciler.cli import help, validate
from reconciler.cli.arguments import main, parse
from reconciler.cli.modes import ELSEWHERE, MODES
from reconciler.cli.options import SYNTAX, flag, twin

ROOT = Path(__file__).parents[2]
HELLO = str(ROOT / "manifests/hello.yaml")


def test_the_schema_is_the_committed_one(capsys):
    assert main(["--schema"]) == 0
    assert capsys.readouterr().out == (ROOT / "schemas/manifest.schema.json").read_text()


def test_a_valid_manifest(capsys):
    assert main(["--validate", HELLO]) == 0
    assert capsys.readouterr().out == "valid: 1 project, 1 network, 2 sandboxes, 1 published port\n"


@pytest.mark.parametrize(("word", "mode"), [*zip(MODES, MODES, strict=True), *ELSEWHERE.items()])
def test_modes_have_no_subcommand_spelling(word, mode, capsys):
    assert main([word]) == 64
    assert f"the mode is written --{mode}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--nonsense"], ["--plan", "--apply"], ["-o", "xml"], ["--confirm-within", "x"]]
)
def test_usage_is_64(words, capsys):
    assert main(words) == 64
    assert "usage:" in capsys.readouterr().err


def test_mistakes_are_65_and_also_machine_readable(tmp_path, capsys):
    file = tmp_path / "bad.yaml"
    file.write_text("containers:\n  web:\n    portz: []\n")
    assert main(["--validate", str(file)]) == 65
    assert "^^^^^" in capsys.readouterr().err
    assert main(["--validate", "-o", "json", str(file)]) == 65
    [error] = json.loads(capsys.readouterr().err)["errors"]
    assert (error["line"], error["column"], error["path"]) == (3, 5, "containers.web.portz")


def test_an_option_has_an_environment_twin(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RECONCILE_QUIET", "1")
    assert main(["--validate", HELLO]) == 0
    assert capsys.readouterr().out == ""


def test_help_is_0_and_names_every_mode(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"--{mode}" in out for mode in MODES)


@pytest.mark.parametrize("words", [[], ["-v"], ["-o", "json"]])
def test_what_nobody_foresaw_is_one_sentence_and_the_traceback_for_who_asks(words, monkeypatch, capsys):
    def broken(args):
        raise TypeError("no such thing")

    monkeypatch.setattr(validate, "validate", broken)
    assert main(["--validate", HELLO, *words]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "unforeseen TypeError: no such thing (id " in err
    assert ("Traceback" in err) == ("-v" in words)
    assert "-o" not in words or json.loads(err)["errors"][0]["exit_code"] == 1


def test_modes_are_written_out(capsys):
    assert main(["--wat"]) == 64 and main(["--des"]) == 64
    assert "--wat" in capsys.readouterr().err


def test_help_has_groups_examples_and_twins(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("  reconcile ")] == [
        f"  {command}" for command, _ in help.EXAMPLES
    ]
    assert all(f"\n{title}:\n" in out for title in (*help.MODE_GROUPS, *help.OPTION_GROUPS))
    assert all(twin(name) in out and flag(name) in out for name in SYNTAX)


def test_examples_are_commands(monkeypatch):
    monkeypatch.delenv("RECONCILE_QUIET", raising=False)
    modes = [parse(command.split()[1:]).mode for command, _ in help.EXAMPLES]
    assert modes == ["plan", "apply", "plan", "status"]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["--desrtoy"], "did you mean --destroy?"),
        (["--down"], "did you mean --destroy?"),
        (["--plan", "-f", "shop.yaml"], "; a PATH is written alone"),
        (["--max-removal=3"], "did you mean --max-removals?"),
        (["--planb", "--appply"], "did you mean --plan --apply?"),
        (["--zzz"], "see reconcile --help"),
    ],
)
def test_what_is_misspelt_is_told(words, meant, capsys):
    assert main(words) == 64
    assert meant in capsys.readouterr().err
