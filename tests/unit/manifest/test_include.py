"""Include, extends and profiles: what one file takes from another, and what is left out."""

import pytest


def names(project):
    return [c.name for c in project.containers]


def test_include_in_the_short_syntax(desk):
    desk.write("db/compose.yaml", "networks: {back: }\nservices: {db: {networks: [back]}}")
    project = desk.project("include: [db/compose.yaml]\nservices: {web: {networks: [back], links: [db]}}")
    assert sorted(names(project)) == ["db", "web"] and project.name == "shop"


def test_include_with_overrides_and_another_directory(desk):
    desk.write("parts/db.yaml", "services: {db: {image: a, env_file: e}}")
    desk.write("parts/more.yaml", "services: {db: {image: b}}")
    desk.write("home/e", "A=1")
    desk.write("vars", "X=1")
    project = desk.project(
        "include: [{path: [parts/db.yaml, parts/more.yaml], project_directory: home, env_file: vars}]"
    )
    assert (project.containers[0].image, project.containers[0].environment) == ("b", {"A": "1"})


def test_an_included_file_has_its_own_env(desk):
    desk.write("db/.env", "TAG=own\nOTHER=own")
    desk.write("db/compose.yaml", "services: {db: {labels: {l: '$TAG $OTHER'}}}")
    assert desk.container("include: [db/compose.yaml]", {"OTHER": "shell"}).labels["l"] == "own shell"


def test_include_is_recursive_and_paths_start_at_each_file(desk):
    desk.write("a/a.yaml", "include: [b/b.yaml]")
    desk.write("a/b/b.yaml", "services: {deep: }")
    assert names(desk.project("include: [a/a.yaml]")) == ["deep"]


def test_what_the_file_itself_says_goes_on_top(desk):
    desk.write("db.yaml", "services: {db: {image: a, hostname: h}}")
    container = desk.container("include: [db.yaml]\nservices: {db: {image: b}}")
    assert (container.image, container.hostname) == ("b", "h")


def test_of_two_included_files_the_first_wins(desk):
    """As in Compose, which lays each below what there is already."""
    desk.write("a.yaml", "services: {web: {hostname: a, ports: ['1:80']}}")
    desk.write("b.yaml", "services: {web: {hostname: b, domainname: d, ports: ['2:80']}}")
    web = desk.container("include: [a.yaml, b.yaml]")
    assert (web.hostname, web.domainname, len(web.ports)) == ("a", "d", 2)


def test_the_name_of_an_included_file_does_not_count(desk):
    desk.write("db.yaml", "name: other\nservices: {db: }")
    assert desk.project("include: [db.yaml]").name == "shop"


def test_an_included_file_is_no_project_of_its_own(desk):
    desk.write(
        "compose.yaml",
        "include: [parts/db.yaml]\nservices: {web: {extends: {file: base.yml, service: base}}}",
    )
    desk.write("parts/db.yaml", "services: {db: }")
    desk.write("base.yml", "services: {base: {image: x}}")
    (project,) = desk.load(".").projects
    assert sorted(names(project)) == ["db", "web"]


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("include: [none.yaml]", "none.yaml does not exist", (1, 11)),
        ("include: none.yaml", "`include` must be a list", (1, 10)),
        ("include: [{file: a}]", "an entry of `include` needs a `path`", (1, 11)),
        ("include: [{path: compose.yaml, env_file: no}]", "no does not exist", (1, 11)),
        ("include: [5]", "an entry of `include` needs a `path`", (1, 11)),
        ("include: ['https://example.org/a.yaml']", "remote files are not loaded", (1, 11)),
        ("include: [compose.yaml]", "`include` in a circle", (1, 11)),
        ("services: {a: {extends: b}}", "`b` is no service of", (1, 25)),
        ("services: {a: {extends: {service: aa}}, ab: }", "`aa` is no service of", (1, 35)),
        ("services: {a: {extends: {file: x}}}", "`extends` needs a `service`", (1, 25)),
        ("services: {a: {extends: {file: x, service: y}}}", "x does not exist", (1, 32)),
        ("services: {a: {extends: a}}", "`extends` in a circle: a -> a", (1, 25)),
    ],
)
def test_refused(desk, spot, text, message, place):
    error, *_ = desk.mistakes(text + "\n")
    assert message in error.message and spot(error) == place


def test_circles_over_files(desk):
    desk.write(
        "other.yaml", "include: [compose.yaml]\nservices: {b: {extends: {file: compose.yaml, service: a}}}"
    )
    errors = desk.mistakes("include: [other.yaml]\nservices: {a: {extends: {file: other.yaml, service: b}}}")
    assert {"include" in e.message or "extends" in e.message for e in errors} == {True}


def test_long_chains_are_refused_and_long_lists_are_not(desk):
    chain = "".join(f"  s{i}: {{extends: s{i + 1}}}\n" for i in range(200))
    errors = desk.mistakes(f"services:\n{chain}  s200: \n")
    assert all("more than 64 services extend one another" in error.message for error in errors)
    desk.write("base.yaml", "services: {base: {image: x}}")
    many = "".join(f"  s{i}: {{extends: {{file: base.yaml, service: base}}}}\n" for i in range(300))
    assert len(desk.project(f"services:\n{many}").containers) == 300


def test_extends_in_one_file(desk):
    project = desk.project(
        "services:\n"
        "  base: {image: a, ports: ['80'], labels: {l: base, k: base}}\n"
        "  web: {extends: base, ports: ['81'], labels: {l: web}}\n"
        "  child: {extends: {service: web}, image: c}\n"
    )
    _, web, child = project.containers
    assert [port.target[0] for port in web.ports] == [80, 81] and web.image == "a"
    assert child.labels == {"l": "web", "k": "base"} and child.image == "c"


def test_extends_from_a_file_that_extends_too(desk):
    desk.write("lib/one.yaml", "services: {one: {extends: {file: two.yaml, service: two}, hostname: one}}")
    desk.write("lib/two.yaml", "services: {two: {image: two, env_file: [e]}}")
    desk.write("lib/e", "A=1")
    container = desk.container("services: {web: {extends: {file: lib/one.yaml, service: one}}}")
    assert (container.image, container.hostname, container.environment) == ("two", "one", {"A": "1"})


def test_extends_with_reset_and_override(desk):
    project = desk.project(
        "services:\n"
        "  base: {ports: ['80'], dns: [1.1.1.1]}\n"
        "  web: {extends: base, ports: !reset [], dns: !override [8.8.8.8]}\n"
    )
    assert (project.containers[1].ports, project.containers[1].dns) == ((), ("8.8.8.8",))


def test_a_container_may_extend(desk):
    assert desk.container("containers: {a: {extends: b}, b: {image: x}}").image == "x"


PROFILES = "services: {always: , debug: {profiles: [debug]}, both: {profiles: [debug, test]}}"


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        ("", ["always"]),
        ("test", ["always", "both"]),
        ("debug,other", ["always", "debug", "both"]),
        ("*", ["always", "debug", "both"]),
    ],
)
def test_profiles(desk, active, expected):
    assert names(desk.project(PROFILES, {"COMPOSE_PROFILES": active})) == expected


def test_profiles_from_the_env_file(desk):
    desk.write(".env", "COMPOSE_PROFILES=test\n")
    assert names(desk.project(PROFILES)) == ["always", "both"]


def test_what_is_left_out_is_noted_and_cannot_be_needed(desk):
    desk.write("compose.yaml", PROFILES)
    assert any("debug is in the profile debug" in note for note in desk.load().notes)
    error = desk.only("services: {web: {depends_on: [db]}, db: {profiles: [x]}}")
    assert "depends on `db`, which is in the profile x" in error.message
    desk.project("services: {web: {depends_on: {db: {required: false}}}, db: {profiles: [x]}}")
    error = desk.only("services: {web: {network_mode: 'service:db'}, db: {profiles: [x]}}")
    assert "is in the profile x" in error.message


def test_a_provided_service_has_no_container(desk):
    assert names(desk.project("services: {web: {depends_on: [db]}, db: {provider: {type: cloud}}}")) == [
        "web"
    ]


def test_a_reset_beside_extends_is_about_earlier_files_too(desk):
    desk.write(
        "a.yaml",
        "services: {f: {networks: [n], ports: ['8080:80'], labels: {x: 1, y: 2}}}\nnetworks: {n: }\n",
    )
    extended = "extends: {file: a.yaml, service: f}, labels: {x: !reset null}"
    desk.write(
        "b.yaml",
        f"services: {{f: {{{extended}, network_mode: host, networks: !reset [], ports: !reset []}}}}",
    )
    (one,) = desk.load("a.yaml", "b.yaml").projects[0].containers
    assert (one.network_mode, one.networks, one.ports, one.labels) == ("host", (), (), {"y": "2"})


def test_what_extends_a_reset_may_say_it_again(desk):
    text = """
        networks: {n: , m: }
        services:
          a: {networks: {n: {aliases: [x]}}}
          b: {extends: a, networks: !reset {}}
          c: {extends: b, networks: {m: }}
    """
    ends = {c.name: [end.network for end in c.networks] for c in desk.project(text).containers}
    assert ends["a"] == ["n"] and ends["c"] == ["m"]


@pytest.mark.parametrize(
    "order", [("a/compose.yaml", "b/compose.yaml"), ("b/compose.yaml", "a/compose.yaml")]
)
def test_a_project_may_lend_its_own_file_whichever_is_read_first(desk, order):
    """What one project alone has is forgotten as soon as it is read."""
    for one, other in ("ab", "ba"):
        own = f"base: {{image: {one}}}, web: {{extends: {{file: ../{other}/compose.yaml, service: base}}}}"
        desk.write(f"{one}/compose.yaml", f"services: {{{own}}}")
    images = {p.name: {c.name: c.image for c in p.containers} for p in desk.load(*order).projects}
    assert images == {"a": {"base": "a", "web": "b"}, "b": {"base": "b", "web": "a"}}
