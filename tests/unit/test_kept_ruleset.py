"""The ruleset as it is kept from one look to the next: what is put and removed, one element at a time."""

from random import Random

from reconciler.kernel.nft.kept import About, MapElements, grouped
from reconciler.kinds.nft import Element

PROJECTS = "abcde"


def element(number: int, project: str) -> Element:
    return Element(
        family="inet", table="t", map="m", item=f"10.0.0.{number}", value="", project=project, root=""
    )


def by_key(elements: list[Element]) -> dict[str, Element]:
    return {e.key: e for e in elements}


def about(elements: MapElements, project: str, name: str = "m") -> list[Element]:
    return [*About(project, frozenset({"m"})).of(name, elements)]


def test_what_is_renewed_is_as_if_all_were_read_again():
    """Whoever the elements are of, and whatever project had a key before."""
    draw = Random(7)
    there: dict[str, Element] = {}
    kept = grouped(there)
    for _ in range(500):
        numbers = draw.sample(range(20), 3)
        now = [element(number, draw.choice(PROJECTS)) for number in numbers[:2]]
        keys = [element(number, "").key for number in numbers]
        kept = kept.renewed(keys, now)
        there = {key: e for key, e in there.items() if key not in keys} | by_key(now)
        again = grouped(there)
        assert (kept.all, kept.by_project) == (there, again.by_project)
        for project in (*PROJECTS, "nobody"):
            assert by_key(about(kept, project)) == by_key(about(again, project))


def test_one_of_anothers_tells_that_a_map_is_of_use():
    all_of = [element(1, "a"), element(2, "a"), element(3, "b"), element(4, "c")]
    kept = grouped(by_key(all_of))
    assert about(kept, "c") == [all_of[3], all_of[0]]
    assert about(kept, "a") == [all_of[0], all_of[1], all_of[2]]
    assert about(kept, "nobody") == [all_of[0]]
    assert about(kept, "a", "other") == all_of
    assert about(grouped(by_key(all_of[:2])), "a") == all_of[:2]
    assert about(grouped({}), "a") == []
