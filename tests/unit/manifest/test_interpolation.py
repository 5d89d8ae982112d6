"""Interpolation: every form of `${...}`, and `.env`."""

import pytest

from reconciler.errors import ManifestErrors
from reconciler.manifest.compose import dotenv
from reconciler.manifest.compose.interpolate import BadTemplate, Variables, substitute
from reconciler.manifest.yaml.report import report

VALUES = {"SET": "value", "EMPTY": "", "OTHER": "other", "_x1": "under"}


def replaced(text):
    return substitute(text, Variables(VALUES))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$SET", "value"),
        ("${SET}", "value"),
        ("a-$SET-b", "a-value-b"),
        ("$SET$OTHER", "valueother"),
        ("${_x1}", "under"),
        ("$UNSET", ""),
        ("${UNSET}", ""),
        ("${UNSET:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${SET:-default}", "value"),
        ("${UNSET-default}", "default"),
        ("${EMPTY-default}", ""),
        ("${UNSET:-}", ""),
        ("${SET:+given}", "given"),
        ("${EMPTY:+given}", ""),
        ("${UNSET:+given}", ""),
        ("${EMPTY+given}", "given"),
        ("${UNSET+given}", ""),
        ("${SET:?needed}", "value"),
        ("${EMPTY?needed}", ""),
        ("${UNSET:-${SET}}", "value"),
        ("${UNSET:-${EMPTY:-${OTHER}}}", "other"),
        ("${UNSET:-a${SET}b$OTHER}", "avaluebother"),
        ("${UNSET-${EMPTY-x}}", ""),
        ("${SET:+${OTHER}-x}", "other-x"),
        ('${UNSET:-{"a": {"b": 1}}}', '{"a": {"b": 1}}'),
        ("${UNSET:-a:b}", "a:b"),
        ("${UNSET:-http://h:80/?a=b}", "http://h:80/?a=b"),
        ("$$SET", "$SET"),
        ("$${SET}", "${SET}"),
        ("$$$SET", "$value"),
        ("a$", "a$"),
        ("$5", "$5"),
        ("$ x", "$ x"),
        ("${SET}}", "value}"),
        ("{$SET}", "{value}"),
    ],
)
def test_forms(text, expected):
    assert replaced(text) == expected


@pytest.mark.parametrize(
    "text", ["${", "${}", "${ SET}", "${SET", "${1A}", "${SET !}", "${A.B}", "${UNSET:-${}}"]
)
def test_what_is_none_of_them(text):
    with pytest.raises(BadTemplate, match="invalid interpolation"):
        replaced(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("${UNSET:?}", "required variable UNSET is missing a value$"),
        ("${EMPTY:?say it}", "required variable EMPTY is missing a value: say it"),
        ("${UNSET?why $SET}", "required variable UNSET is missing a value: why value"),
        ("${UNSET:-${DEEP:?deep}}", "required variable DEEP"),
    ],
)
def test_required(text, reason):
    with pytest.raises(BadTemplate, match=reason):
        replaced(text)


def test_values_are_not_interpolated_again():
    assert substitute("$A", Variables({"A": "$B", "B": "no"})) == "$B"


def test_types_come_from_text(desk):
    text = "services: {web: {scale: '${N}', ports: ['${P:-8080}:80']}}\nnetworks: {n: {internal: '${I}'}}\n"
    project = desk.project(text, {"N": "3", "I": "true"})
    assert project.containers[0].replicas == 3 and project.networks[0].internal
    assert project.containers[0].ports[0].published == (8080, 8080)


def test_keys_are_not_interpolated(desk):
    assert desk.service("labels: {'$A': '$$A'}").labels == {"$A": "$A"}


def test_the_place_of_a_bad_form(desk, spot):
    error = desk.only("services:\n  web:\n    image: 'x:${}'\n")
    assert spot(error) == (3, 12) and error.where.path == "services.web.image"


def test_env_beside_the_file_stands_behind_the_environment(desk):
    desk.write(".env", "A=file\nB=file\nC=${A}-${B}\n")
    container = desk.container("services: {web: {labels: {l: '$A $B $C'}}}", {"A": "shell"})
    assert container.labels["l"] == "shell file shell-file"


def test_a_bad_env_file_is_told_with_its_line(desk):
    desk.write(".env", "A=1\nB='open\n")
    error = desk.only("services: {web: }")
    assert error.where.file.endswith(".env") and error.where.line == 2


@pytest.mark.parametrize(
    "line",
    [b"B='hush", b"hush+/= x", b"B=hush${", b"B=${x!hush}", "B=hushä".encode("latin-1")],
    ids=["quote", "assignment", "brace", "name", "bytes"],
)
@pytest.mark.parametrize("file", [".env", "web.env"])
def test_what_stands_in_an_env_file_is_not_told(desk, file, line):
    desk.write(file, "").write_bytes(b"A=1\n" + line + b"\n")
    error = desk.only("services: {web: {env_file: web.env}}" if file == "web.env" else "services: {}")
    assert error.where.line == 2 and file in str(error) and "hush" not in str(error) + report(error)


def test_a_value_in_the_place_of_environment_is_not_told(desk):
    error = desk.only("services: {web: {environment: PASSWORD=hush}}")
    assert error.message == "`environment` must be a list or a mapping, not a scalar"


def test_the_projects_name_is_a_variable(desk):
    assert desk.service("hostname: '${COMPOSE_PROJECT_NAME}'").hostname == "shop"


def test_an_unset_variable_is_told_once(desk):
    desk.write("compose.yaml", "services: {web: {image: 'a:$TAG', ports: ['${PORT}:80', '${TAG}81:81']}}")
    assert [warning.partition("compose.yaml:")[2] for warning in desk.load().warnings] == [
        "1:43: variable PORT is not set; blank is taken for it",
        "1:25: variable TAG is not set; blank is taken for it",
    ]


@pytest.mark.parametrize("form", ["${TAG:-}", "${TAG-}", "${TAG:+x}", "${TAG+x}", "$$TAG", "${SET}"])
def test_who_has_a_default_is_not_told(form, desk):
    desk.write(".env", "SET=\n")
    desk.write("compose.yaml", f"services: {{web: {{image: 'a:{form}'}}}}")
    assert desk.load().warnings == ()


def test_an_unset_variable_is_told_with_the_mistake_that_follows(desk):
    desk.write("compose.yaml", "services: {web: {ports: ['8080:${PORT}']}}")
    with pytest.raises(ManifestErrors) as caught:
        desk.load()
    assert "variable PORT is not set" in caught.value.warnings[0]


@pytest.mark.parametrize(
    "text",
    [
        "services: {web: {ports: ['${X:?write it}:80']}}",
        "services: {web: {dns: ['${X:?write it}']}}",
        "networks: {n: {ipam: {config: [{gateway: 10.1.0.1, subnet: '${X:?write it}'}]}}}",
        "services: {web: {networks: ['${X:?write it}']}}",
        "services: {web: {network_mode: '${X:?write it}'}}",
        "hosts: {a: {address: '${X:?write it}'}}",
        "pools: [{base: '${X:?write it}', size: 24}]",
        "name: '${X:?write it}'",
        "include: ['${X:?write it}']",
        "services: {web: {extends: {service: '${X:?write it}'}}}",
        "services: {web: {env_file: '${X:?write it}'}}",
    ],
)
def test_a_variable_that_is_missing_is_one_mistake(text, desk):
    desk.write("compose.yaml", text)
    with pytest.raises(ManifestErrors) as caught:
        desk.load()
    assert [one.message for one in caught.value.errors] == [
        "required variable X is missing a value: write it"
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A=b", "b"),
        ("A =b", "b"),
        ("A= b", "b"),
        ("A: b", "b"),
        ("A=b=c", "b=c"),
        ("A=b:c", "b:c"),
        ("A=", ""),
        ("A=''", ""),
        ("export A=b", "b"),
        ("  export\tA=b", "b"),
        ("A=b  ", "b"),
        ("A=b # note", "b"),
        ("A=b#c", "b#c"),
        ("A='b # c' # note", "b # c"),
        ("A='$B'", "$B"),
        ("A='it\\'s'", "it's"),
        ('A="b\\nc"', "b\nc"),
        ('A="b\\"c"', 'b"c'),
        ('A="\\$B"', "$B"),
        ('A="\\0101"', "A"),
        ('A="\\x41"', "\\x41"),
        ("A=b\\nc", "b\\nc"),
        ("B=1\nA=$B", "1"),
        ("B=1\nA=${B}2", "12"),
        ('B=1\nA="$B 2"', "1 2"),
        ("A=$NONE", ""),
        ("A=${NONE:-x}", "x"),
        ("# note\n\nA=b\n", "b"),
        ("A=b\r\nC=d\r\n", "b"),
        ('A="one\ntwo"\nB=c', "one\ntwo"),
        ("\ufeffA=b", "b"),
    ],
)
def test_lines_of_env_files(line, expected):
    assert dotenv.parse(line, {})["A"] == expected


def test_a_name_alone_takes_the_shells_value():
    assert dotenv.parse("A\nB\nC=1", {"A": "shell"}) == {"A": "shell", "C": "1"}


@pytest.mark.parametrize("text", ["lol$wut", "A='open", 'A="open', "a b=c", "A=${"])
def test_lines_that_are_no_assignments(text):
    with pytest.raises(dotenv.BadLine):
        dotenv.parse(text, {})
