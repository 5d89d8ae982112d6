"""Of every engine: what is said is told to it or refused, at its place; what is equal has equal digests."""

from dataclasses import replace

import pytest

from reconciler.engines import engine
from reconciler.errors import ManifestError, ManifestErrors, Where
from reconciler.manifest.workload import RUNTIMES
from tests.unit.engines.samples import DESCRIBING, HERE, SAYING, TASKS, all_fields, place, saying, task

SO_ANYWAY = {("systemd", "uts")}  # a service has the host's


@pytest.fixture(params=RUNTIMES[1:])
def of(request: pytest.FixtureRequest) -> str:
    return request.param


def test_every_field_has_a_sample():
    assert SAYING.keys() | DESCRIBING.keys() == all_fields()


@pytest.mark.parametrize("name", SAYING)
def test_a_field_that_differs_makes_another_digest_or_is_refused(of: str, name: str):
    plain = engine(of).lower(task(of))
    try:
        found = engine(of).lower(saying(of, name, SAYING[name]))
    except ManifestError as error:
        assert error.where == place(name)
    else:
        assert (found.digest != plain.digest) is ((of, name) not in SO_ANYWAY)
        assert (found.how == plain.how) is ((of, name) in SO_ANYWAY)


@pytest.mark.parametrize("name", TASKS)
def test_so_does_what_was_decided_of_the_task(of: str, name: str):
    plain = engine(of).lower(task(of))
    try:
        found = engine(of).lower(task(of, **{name: TASKS[name]}))
    except ManifestError as error:
        assert (of, name) == ("systemd", "hostname")
        assert error.where == HERE
    else:
        assert found.digest != plain.digest


def test_equal_tasks_are_equal(of: str):
    first, second = (engine(of).lower(task(of, environment={"B": "2", "A": "1"})) for _ in range(2))
    third = engine(of).lower(task(of, environment={"A": "1", "B": "2"}))
    assert first == second == third
    assert first.how == second.how == third.how


def test_values_of_variables_are_secret(of: str):
    found = engine(of).lower(task(of, environment={"TOKEN": "hunter2"}))
    assert "hunter2" not in repr(found) + " ".join(found.how.words)
    assert "hunter2" in repr(found.how)


def test_the_value_of_a_variable_is_in_the_digest_by_that_of_all(of: str):
    found = [
        engine(of).lower(saying(of, "variables", text, environment={"TOKEN": text})).digest for text in "ab"
    ]
    assert len(set(found)) == 2


def test_a_task_whose_values_are_forgotten_has_the_same_digest(of: str):
    known, forgotten = (
        engine(of).lower(saying(of, "variables", "1", environment=values))
        for values in ({"A": "1", "PATH": "/"}, {})
    )
    assert known.digest == forgotten.digest


def test_the_digest_is_kept(of: str):
    found = engine(of).lower(task(of))
    assert found.digest in repr(found.how)


@pytest.mark.parametrize("key, refused", [("blkio_config", True), ("isolation", True), ("links", False)])
def test_keys_that_nobody_heeds_are_refused_where_they_restrict(of: str, key: str, refused: bool):
    where = Where("shop.yaml", 7, 7, f"services.web.{key}")
    plain = task(of)
    written = replace(plain, spec=replace(plain.spec, unheeded=((key, where),)))
    if not refused:
        assert engine(of).lower(written) == engine(of).lower(plain)
        return
    with pytest.raises(ManifestError) as caught:
        engine(of).lower(written)
    assert caught.value.where == where


def test_all_mistakes_are_told_at_once(of: str):
    where = [Where("shop.yaml", line, 7) for line in (7, 8)]
    plain = task(of)
    unheeded = tuple(zip(("isolation", "blkio_config"), where, strict=True))
    with pytest.raises(ManifestErrors) as caught:
        engine(of).lower(replace(plain, spec=replace(plain.spec, unheeded=unheeded)))
    assert [error.where for error in caught.value.errors] == where
