"""The rules of the house, read off the syntax tree of every module."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = ast.If | ast.For | ast.While | ast.With | ast.Try | ast.Match | ast.AsyncFor | ast.AsyncWith

# The rooms from the ground up, and the rooms below that each may enter: so nothing is imported upwards, and
# no two rooms import each other.  A file or a folder with a line of its own is a room of its own.
ROOMS = {
    "errors": "",
    "paths": "",
    "disk": "",
    "version": "",
    "values": "",
    "mistakes": "errors",
    "core": "errors values",
    "kinds/ownership": "core",
    "kinds/names": "kinds/ownership",
    "kinds": "values core kinds/ownership",
    "family": "",
    "inventory/facts": "errors values",
    "inventory/vitals": "values",
    "inventory": "family values core kinds/ownership kinds inventory/facts",
    "manifest/yaml": "errors mistakes disk",
    "manifest": "errors mistakes family disk version values manifest/yaml",
    "cnm": "errors mistakes family values core kinds/ownership kinds/names inventory/facts manifest",
    "engines": "errors mistakes core kinds manifest cnm",
    "picture": "values core kinds/ownership kinds",
    "imported": "errors values core kinds/ownership kinds inventory/facts inventory",
    "drivers": "errors mistakes family values core kinds/ownership kinds/names kinds inventory/facts"
    " manifest cnm engines",
    "evaluate": "errors mistakes family core kinds/ownership kinds inventory/facts manifest cnm drivers",
    "doctor": "family core kinds/ownership kinds inventory/facts inventory/vitals cnm drivers",
    "kernel": "errors paths disk values core kinds/ownership kinds/names kinds inventory/facts"
    " inventory/vitals",
    "truth": "family core inventory/facts manifest inventory",
    "healing": "errors core inventory/facts kinds manifest cnm drivers",
    "draining": "core kinds/ownership kinds cnm drivers",
    "expecting": "errors mistakes core inventory/facts cnm evaluate",
    "lasting": "core inventory/facts",
    "change": "errors values core inventory/facts inventory manifest cnm",
    "pipeline": "change expecting lasting healing draining errors core inventory/facts manifest cnm"
    " drivers inventory truth",
    "remembered": "errors core kinds inventory/facts manifest cnm inventory truth expecting lasting change"
    " pipeline",
    "hosts": "errors disk version values core kinds/ownership kinds inventory/facts manifest drivers kernel",
    "safety": "errors paths disk values core kinds/ownership kinds inventory/facts manifest drivers inventory"
    " kernel truth lasting change pipeline",
    "daemon/relay": "core kinds",
    "daemon": "errors disk values core kinds/ownership kinds inventory/facts manifest drivers evaluate"
    " inventory kernel lasting change pipeline remembered safety daemon/relay",
    "guests": "errors mistakes paths disk version family values core inventory/facts manifest cnm inventory"
    " drivers kernel truth change pipeline",
    "cli": "errors paths disk version values core kinds/ownership kinds/names kinds inventory/facts"
    " manifest/yaml manifest cnm engines picture imported drivers evaluate inventory doctor kernel truth"
    " expecting lasting change pipeline hosts safety daemon/relay daemon guests",
    "__init__": "version kernel pipeline",
    "__main__": "cli",
}
OTHERS = {"manifest": {"pydantic", "pydantic_core", "yaml"}, "kernel": {"nftables"}, "daemon": {"watchdog"}}
PURE = {
    *("core", "kinds", "cnm", "drivers", "engines", "evaluate", "picture", "doctor", "imported", "inventory"),
    "errors",
}
IMPURE = {
    "os",
    "socket",
    "subprocess",
    "ctypes",
    "fcntl",
    "select",
    "time",
    "random",
    "threading",
    "tempfile",
    "uuid",
}
SPEAKERS = {"streams.py"}
VAGUE = {"told", "spared", "settled", "left", "due", "held"}
FORBIDDEN = re.compile(r"Manager|Handler|Helper|Utils|^process_|^do_|^_?(utils?|helpers?)$")


@dataclass(frozen=True)
class Module:
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def imports(self) -> list[tuple[ast.AST, str]]:
        """Every imported module by its full name."""
        return list(imports(self))

    @cached_property
    def name(self) -> str:
        """As `kinds/link`, and `kinds` for what is in its `__init__.py`."""
        name = str(self.path.relative_to(ROOT / "reconciler").with_suffix(""))
        return name.removesuffix("/__init__")

    @cached_property
    def package(self) -> str:
        return self.name.partition("/")[0]

    def at(self, node: ast.AST, words: str) -> str:
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)} {words}"


FILES = sorted((ROOT / "reconciler").rglob("*.py"))
NAMES = {f"reconciler/{Module(path).name}".replace("/", ".") for path in FILES}


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    """Gone when these tests are: so many trees would cost all others time."""
    return [Module(path) for path in FILES]


def functions(module: Module) -> Iterator[FUNCTION]:
    return (node for node in module.nodes if isinstance(node, FUNCTION))


def imports(module: Module) -> Iterator[tuple[ast.AST, str]]:
    here = module.path.relative_to(ROOT).with_suffix("").parts
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(here[: len(here) - node.level]) if node.level else ""
            whole = ".".join(filter(None, (above, node.module)))
            # `from . import x` and `from ..kinds import x` may name a module in the alias.
            inner = {f"{whole}.{alias.name}" for alias in node.names}
            yield from (
                (node, name) for name in sorted(inner & NAMES | ({whole} if inner - NAMES else set()))
            )


def room(name: str) -> str:
    """The room that a module is in, by the longest line that names it; "" where none does."""
    return max((room for room in ROOMS if f"{name}/".startswith(f"{room}/")), key=len, default="")


def layers(module: Module) -> Iterator[str]:
    here = room(module.name)
    if not here:
        yield module.at(module.tree, "is in no room")
    for node, name in module.imports:
        if entered(name) not in {"", here, *ROOMS.get(here, "").split()}:
            yield module.at(node, f"imports {name}")


def entered(name: str) -> str:
    """The room that an import leads into; "" for what is not ours."""
    head, _, rest = name.partition(".")
    return room(rest.replace(".", "/") or "__init__") if head == "reconciler" else ""


def strangers(module: Module) -> Iterator[str]:
    for node, name in module.imports:
        head = name.partition(".")[0]
        if head not in sys.stdlib_module_names | {"reconciler"} | OTHERS.get(module.package, set()):
            yield module.at(node, f"imports {head}")
        if head in IMPURE and module.package in PURE:
            yield module.at(node, f"imports {head}, and is pure")


def lengths(module: Module) -> Iterator[str]:
    lines = module.text.splitlines()
    if len(lines) > 300:
        yield module.at(module.tree, f"has {len(lines)} lines")
    yield from (
        f"{module.path.relative_to(ROOT)}:{n} has {len(row)} columns"
        for n, row in enumerate(lines, 1)
        if len(row) > 110
    )
    for function in functions(module):
        if (length := function.end_lineno - function.lineno + 1) > 50:
            yield module.at(function, f"{function.name} has {length} lines")


def parameters(module: Module) -> Iterator[str]:
    for function in functions(module):
        args = function.args
        positional = [a for a in args.posonlyargs + args.args if a.arg not in ("self", "cls")]
        if len(positional) + len(args.kwonlyargs) > 5:
            yield module.at(function, f"{function.name} has too many parameters")
        defaults = args.defaults[-len(positional) :] if positional else []
        defaulted = dict(
            zip([a.arg for a in positional][len(positional) - len(defaults) :], defaults, strict=True)
        )
        for arg in positional:
            default = defaulted.get(arg.arg)
            if (
                is_bool(arg.annotation)
                or isinstance(default, ast.Constant)
                and isinstance(default.value, bool)
            ):
                yield module.at(function, f"{function.name}({arg.arg}) is a positional boolean")


def is_bool(annotation: ast.expr | None) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id == "bool"


def nesting(module: Module) -> Iterator[str]:
    for function in functions(module):
        if (depth := max(map(nested, function.body), default=0)) > 3:
            yield module.at(function, f"{function.name} nests {depth} deep")


def nested(node: ast.AST) -> int:
    """How deep blocks stand in one another; an `elif` stands beside its `if`."""
    if isinstance(node, FUNCTION | ast.ClassDef | ast.expr):
        return 0
    if isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        return max(1 + max(map(nested, node.body)), nested(node.orelse[0]))
    return isinstance(node, BLOCKS) + max(map(nested, ast.iter_child_nodes(node)), default=0)


def frozen(module: Module) -> Iterator[str]:
    for node in module.nodes if module.package in PURE else ():
        if not isinstance(node, ast.ClassDef):
            continue
        marks = [ast.unparse(mark) for mark in node.decorator_list]
        if any(mark.startswith("dataclass") and "frozen=True" not in mark for mark in marks):
            yield module.at(node, f"{node.name} is not frozen")


def silence(module: Module) -> Iterator[str]:
    if module.path.name not in SPEAKERS:
        for node in module.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                yield module.at(node, "prints")


def names(module: Module) -> Iterator[str]:
    if FORBIDDEN.search(module.path.stem):
        yield module.at(module.tree, "has a forbidden name")
    for node in module.nodes:
        if isinstance(node, ast.ClassDef | FUNCTION) and FORBIDDEN.search(node.name):
            yield module.at(node, f"{node.name} is a forbidden name")
        if isinstance(node, ast.Global):
            yield module.at(node, "changes the state of its module")


def drivers_names(module: Module) -> Iterator[str]:
    """The Container Network Model knows no driver: not by its name, nor by asking which one a network has."""
    for node in module.nodes if module.package == "cnm" else ():
        if isinstance(node, ast.Constant) and node.value in ("overlay", "macvlan", "ipvlan"):
            yield module.at(node, f"names the driver {node.value}")
        asked = node.subject if isinstance(node, ast.Match) else None
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            asked = node.left
        if isinstance(asked, ast.Attribute) and asked.attr == "driver":
            yield module.at(node, "asks which driver a network has")


def words(module: Module) -> Iterator[str]:
    """A function is called what it returns or does."""
    for function in functions(module):
        if function.name in VAGUE:
            yield module.at(function, f"{function.name} does not say what it returns")


def docstrings(module: Module) -> Iterator[str]:
    if not ast.get_docstring(module.tree) and module.path.name != "__main__.py":
        yield module.at(module.tree, "does not say what its idea is")
    for node in module.nodes:
        if isinstance(node, ast.Module | ast.ClassDef | FUNCTION):
            _, *lines = (ast.get_docstring(node) or "").splitlines() or [""]
            if lines and len(lines[-1].split()) < 3:
                yield module.at(node, f"ends in a short line: {lines[-1]}")


@pytest.mark.parametrize(
    "rule",
    [
        layers,
        strangers,
        lengths,
        parameters,
        nesting,
        frozen,
        silence,
        names,
        words,
        drivers_names,
        docstrings,
    ],
    ids=lambda rule: rule.__name__,
)
def test_house(modules: list[Module], rule: Callable[[Module], Iterator[str]]):
    broken = [line for module in modules for line in rule(module)]
    assert not broken, "\n".join(broken)


def test_no_room_is_entered_from_below():
    for number, (name, below) in enumerate(ROOMS.items()):
        assert set(below.split()) <= set(list(ROOMS)[:number]), name


def test_every_door_is_used(modules):
    used = {(room(module.name), entered(name)) for module in modules for _, name in module.imports}
    stated = {(name, one) for name, below in ROOMS.items() for one in below.split()}
    assert stated - used == set()


def test_one_class_name_has_one_meaning(modules):
    places = defaultdict(list)
    for module in modules:
        for node in module.nodes:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module.name)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_every_room_has_somebody_in_it(modules):
    assert {room(module.name) for module in modules} == set(ROOMS)
