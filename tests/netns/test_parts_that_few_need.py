"""Parts of the one firewall that few need, on the kernel: they go with the last who does, and nobody else has
anything to do then."""

from tests.netns.lab import Lab

PROJECTS = {
    "plain": "networks: {n: {}}\nservices: {a: {networks: [n]}}",
    "bound": "services: {a: {egress: ['b:80', 'outside:443']}, b: {}}",
    "named": "services: {a: {egress: ['api.example.com:443']}}",
    "logged": "services: {a: {egress: [], log: true}}",
}
ORDER = (("logged", "named", "bound"), ("bound", "logged", "named"), ("named", "bound", "logged"))


def test_they_go_with_the_last_who_needs_them(lab: Lab):
    files = {name: lab.write(f"name: {name}\n{text}\n", f"{name}.yaml") for name, text in PROJECTS.items()}
    lab.succeed(lab.reconcile("--apply", files["plain"]))
    alone = chains(lab)
    for going in ORDER:
        for name in going:
            lab.succeed(lab.reconcile("--apply", files[name]))
            all_stand(lab, ["plain", *going[: going.index(name) + 1]])
        for name in going:
            lab.succeed(lab.reconcile("--destroy", "--yes", files[name]))
            all_stand(lab, ["plain", *going[going.index(name) + 1 :]])
        assert chains(lab) == alone


def all_stand(lab: Lab, names: list[str]) -> None:
    for name in names:
        found = lab.succeed(lab.reconcile("--plan", lab.files / f"{name}.yaml")).out
        assert found == "Nothing to do.\n", name


def chains(lab: Lab) -> list[str]:
    return [line for line in lab.run("nft list ruleset").out.splitlines() if "chain " in line]
