"""Imports point one way, in no circle, and what is private in Brian2 is used in one place."""

import ast
import shutil
from pathlib import Path

import pytest
from brian2 import Network, NeuronGroup, Quantity, Synapses
from brian2.codegen.templates import Templater
from brian2.core.variables import Variables
from brian2.groups.group import CodeRunner, Group

import hebbsim

PACKAGE = Path(hebbsim.__file__).parent

#: What each room may import of the others; a room may always import from itself
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "file_lock": set(),
    "geometry": set(),
    "progress": set(),
    "short_repr": set(),
    "statements": set(),
    "brian2_private": set(),
    "whole_file": {"file_lock"},
    "units": set(),
    "rules": {"short_repr", "statements", "units"},
    "data": {"errors", "whole_file"},
    "decoding": {"data", "errors", "progress"},
    "codegen": {"brian2_private", "file_lock", "geometry", "statements"},
    "runs": {"brian2_private", "codegen"},
    "standalone": {"brian2_private", "codegen"},
    "maps": {"brian2_private", "codegen", "data", "geometry", "statements", "units"},
    "competition": {"codegen", "geometry", "maps", "statements"},
}
ROOMS["synapses"] = {"brian2_private", "errors", "rules", "units", *ROOMS["competition"]}
ROOMS["networks"] = {"competition", "data", "errors", *ROOMS["synapses"], "synapses", "whole_file"}
ROOMS["networks"] |= {"progress", "short_repr", "standalone"}
ROOMS["bridge"] = {
    "data",
    "decoding",
    "errors",
    "geometry",
    "networks",
    "rules",
    "statements",
    "synapses",
}
ROOMS["bridge"] |= {"whole_file"}
ROOMS["experiments"] = {"codegen", "file_lock", "progress", "units", *ROOMS["bridge"], "bridge"}
ROOMS["experiments"] -= {"rules"}
ROOMS["sweeps"] = {*ROOMS["experiments"], "experiments"}
ROOMS["compare"] = {*ROOMS["sweeps"], "rules", "sweeps"}
ROOMS["benchmark"] = {*ROOMS["networks"], "bridge", "experiments", "networks"}
ROOMS["cli"] = {"benchmark", "compare", *ROOMS["compare"]}
ROOMS["__init__"] = set(ROOMS) - {"benchmark", "cli", "compare", "experiments", "sweeps"}

#: Libraries that a room never imports
NEVER = {
    "geometry": ("brian2", "torch"),
    "errors": ("brian2", "torch"),
    "data": ("brian2",),
    "decoding": ("brian2", "torch"),
    "rules": ("brian2.core", "brian2.codegen", "brian2.devices", "brian2.groups", "torch"),
    "codegen": ("torch",),
    "maps": ("torch",),
    "competition": ("torch",),
    "synapses": ("torch",),
    "networks": ("torch",),
}
#: Libraries that are slow to load, or may be missing: imported inside functions
LATE = (
    "bindsnet",
    "brian2cuda",
    "distributed",
    "joblib",
    "matplotlib",
    "nir",
    "PIL",
    "safetensors",
    "scipy",
    "sklearn",
    "spikingjelly",
    "threadpoolctl",
    "torch",
    "torchvision",
)
#: Packages that are imported late themselves, or whose modules are
HEAVY = {"torch", "matplotlib"}


def module_name(path, root):
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """Yield (line, module, is inside a function) for each import of a file."""
    tree = ast.parse(path.read_text())
    late = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, node in late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}", node in late


def graph(root):
    """Return for each module of a package the (line, module, late) that it imports of it."""
    modules = {module_name(path, root): path for path in sorted(root.rglob("*.py"))}

    def resolve(name):
        while name not in modules and "." in name:
            name = name.rpartition(".")[0]
        return name

    found = {
        module: [(n, resolve(i), late) for n, i, late in imports(path) if i.startswith("hebbsim")]
        for module, path in modules.items()
    }
    return modules, found


def room_of(module):
    return [*module.split("."), "__init__"][1]


def is_within(module, libraries):
    return any(module == name or module.startswith(f"{name}.") for name in libraries)


def wrong_arrows(root):
    """List the imports that point the wrong way, as file:line."""
    modules, arrows = graph(root)
    wrong = []
    for module, path in modules.items():
        room = room_of(module)
        for line, other, _ in arrows[module]:
            if room_of(other) not in {room, "__init__", *ROOMS[room]}:
                wrong.append(f"{path.relative_to(root)}:{line}: {room} imports {other}")
            if other == "hebbsim" and room not in (
                "cli",
                "compare",
                "benchmark",
                "experiments",
                "sweeps",
            ):
                wrong.append(f"{path.relative_to(root)}:{line}: {room} imports the whole package")
        for line, other, _ in imports(path):
            if is_within(other, NEVER.get(room, ())):
                wrong.append(f"{path.relative_to(root)}:{line}: {room} imports {other}")
    return wrong


def circles(root):
    """List the modules that import themselves through others, late imports included."""
    _, arrows = graph(root)
    reach = {module: {o for _, o, _ in found} - {module} for module, found in arrows.items()}
    for _ in reach:
        for others in reach.values():
            others |= {far for other in list(others) for far in reach[other]}
    return sorted(m for m, others in reach.items() if m in others and m != "hebbsim")


def late_imports(root):
    """List the imports inside functions that needn't be there.

    Those of the benchmark's worker are timed: its clock starts before anything is imported.
    """
    modules, arrows = graph(root)
    heavy = {m for m, p in modules.items() if any(is_within(i, HEAVY) for _, i, _ in imports(p))}
    while True:
        more = {m for m, found in arrows.items() if {o for _, o, late in found if not late} & heavy}
        if more <= heavy:
            break
        heavy |= more
    return [
        f"{path.relative_to(root)}:{line}: {other}"
        for module, path in modules.items()
        for line, other, late in imports(path)
        if late
        and module != "hebbsim.benchmark.worker"
        and other != "importlib.import_module"
        and not is_within(other, LATE)
        and not any(is_within(other, (name,)) for name in heavy - {"hebbsim"})
    ]


def private_names():
    """Names of Brian2's that begin with one underscore."""
    network = Network()
    kinds = (Group, CodeRunner, NeuronGroup, Synapses, Variables, Templater, Quantity, Network)
    names = {n for kind in kinds for n in dir(kind)} | set(vars(network))
    names |= {"_N", "_network", "_clock", "_variables", "_indices", "_templates", "_dims"}
    names |= {"_refractory", "_stored_states", "_group_attribute_access_active"}
    return {n for n in names if n.startswith("_") and not n.startswith("__")}


def private_uses(root):
    """List where private names of Brian2 are used or defined anew, but in brian2_private."""
    private, found = private_names(), []
    for path in sorted(root.rglob("*.py")):
        if path.name == "brian2_private.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "attr", None) if isinstance(node, ast.Attribute) else None
            name = node.name if isinstance(node, ast.FunctionDef) else name
            if name in private:
                found.append(f"{path.relative_to(root)}:{node.lineno}: {name}")
    return found


def test_imports_point_down():
    assert wrong_arrows(PACKAGE) == []


def test_there_are_no_circles():
    assert circles(PACKAGE) == []


def test_late_imports_are_of_what_is_slow():
    assert late_imports(PACKAGE) == []


def test_private_names_of_brian2_stand_in_one_module():
    assert private_uses(PACKAGE) == []


@pytest.mark.parametrize(
    ("file", "line", "check", "said"),
    [
        (
            "geometry/convolution.py",
            "from hebbsim.maps.feature_map import FeatureMap",
            wrong_arrows,
            "geometry imports hebbsim.maps.feature_map",
        ),
        ("rules/rule.py", "import torch", wrong_arrows, "rules imports torch"),
        (
            "maps/feature_map.py",
            "from hebbsim.maps.encoders import PoissonEncoder",
            circles,
            "hebbsim.maps.encoders",
        ),
        (
            "maps/encoders.py",
            "def late():\n    from hebbsim.geometry import MapShape",
            late_imports,
            "maps/encoders.py",
        ),
        ("maps/encoders.py", "print(group._clock)", private_uses, "_clock"),
    ],
)
def test_a_planted_fault_is_found(tmp_path, file, line, check, said):
    root = tmp_path / "hebbsim"
    shutil.copytree(PACKAGE, root, ignore=shutil.ignore_patterns("__pycache__"))
    planted = root / file
    planted.write_text(f"{planted.read_text()}\n{line}\n")
    assert any(said in found for found in check(root))
