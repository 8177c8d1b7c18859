"""C++ functions of the user with macros, headers, sources and libraries of their own."""

import subprocess

import numpy as np
import pytest
from brian2 import BrianObjectException, Network, check_units, defaultclock, implementation, prefs
from conftest import choose_target

from hebbsim import Assign, FeatureMap

TRIPLE = "double triple(double x) { return FACTOR*x; }"


def assigned(function, name="triple"):
    """Return what a map makes of 1 2 3."""
    layer = FeatureMap((1, 1, 3), "v : 1", namespace={name: function})
    Network(layer, Assign(layer, f"{name}(i + 1.0)", "v")).run(defaultclock.dt)
    return layer.v[:].tolist()


def function(code, name="triple", **keywords):
    def plain(x):
        return -x

    plain.__name__ = name
    return implementation("cpp", code, **keywords)(check_units(x=1, result=1)(plain))


def test_macros_are_defined():
    assert assigned(function(TRIPLE, define_macros=[("FACTOR", "3")])) == [3, 6, 9]
    assert assigned(function(TRIPLE, define_macros=[("FACTOR", "4")])) == [4, 8, 12]
    code = """double triple(double x)
    {
    #ifdef SWITCHED_ON
        return 3*x;
    #else
        return 0;
    #endif
    }"""
    assert assigned(function(code, define_macros=[("SWITCHED_ON", None)])) == [3, 6, 9]


def test_preferences_define_macros_too():
    prefs["codegen.cpp.define_macros"] = [("FACTOR", "5")]
    try:
        assert assigned(function(TRIPLE)) == [5, 10, 15]
    finally:
        prefs["codegen.cpp.define_macros"] = []


@pytest.mark.parametrize("target", ["cpp_runtime", "cpp_standalone"])
def test_headers_sources_and_libraries_are_found(target, tmp_path):
    choose_target(target, tmp_path)
    (tmp_path / "factor.h").write_text("double factor();\n#define SHIFT 1")
    (tmp_path / "factor.cpp").write_text("double factor() { return 3; }")
    (tmp_path / "scale.cpp").write_text('extern "C" double scale() { return 10; }')
    library = tmp_path / "libscale.so"
    command = ["g++", "-shared", "-fPIC", str(tmp_path / "scale.cpp"), "-o", str(library)]
    subprocess.run(command, check=True)
    found = function(
        "#define scaled(x) (scale()*(x))\n"
        "double triple(double x) { return scaled(factor()*x + SHIFT + FACTOR - FACTOR); }",
        headers=['"factor.h"', '"scale.h"'],
        include_dirs=[str(tmp_path)],
        sources=[str(tmp_path / "factor.cpp")],
        libraries=["scale"],
        library_dirs=[str(tmp_path)],
        runtime_library_dirs=[str(tmp_path)],
        define_macros=[("FACTOR", "3")],
    )
    (tmp_path / "scale.h").write_text('extern "C" double scale();')
    assert assigned(found) == [40, 70, 100]


def test_changed_files_are_compiled_again(tmp_path):
    header, source = tmp_path / "factor.h", tmp_path / "factor.cpp"
    header.write_text("double factor();\n#define SHIFT 0")
    source.write_text("double factor() { return 3; }")
    found = function(
        "double triple(double x) { return factor()*x + SHIFT; }",
        headers=[f'"{header}"'],
        sources=[str(source)],
    )
    assert assigned(found) == [3, 6, 9]
    header.write_text("double factor();\n#define SHIFT 1")
    assert assigned(found) == [4, 7, 10]
    source.write_text("double factor() { return 2; }")
    assert assigned(found) == [3, 5, 7]


def test_functions_that_others_call_bring_theirs(tmp_path):
    (tmp_path / "inner.h").write_text("#define INNER 2")
    table = np.array([0.0, 7, 1, 7, 2, 7])[::2]
    inner = function(
        "double inner(double x) { return INNER*x + _namespace_table[2]; }",
        name="inner",
        headers=['"inner.h"'],
        include_dirs=[str(tmp_path)],
        namespace={"_table": table},
    )
    outer = function("double outer(double x) { return 1 + inner(x); }", "outer")
    outer.implementations["cpp"].dependencies["inner"] = inner
    assert assigned(outer, "outer") == [5, 7, 9]


def test_an_unknown_keyword_is_refused():
    with pytest.raises(BrianObjectException) as raised:
        assigned(function(TRIPLE, frobnicate=["-x"]))
    assert "frobnicate" in str(raised.value.__cause__)


def test_what_is_wrong_with_options_is_said_and_not_run_in_numpy():
    given = function("double triple(double x) { return 3*x; }", headers="<cmath>")
    with pytest.raises(BrianObjectException) as raised:
        assigned(given)
    assert "'headers' requires a list of values" in str(raised.value.__cause__)


def test_a_function_without_cpp_code_runs_in_numpy():
    minus = check_units(x=1, result=1)(lambda x: -x)
    assert assigned(minus, name="minus") == [-1, -2, -3]
