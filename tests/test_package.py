"""The public surface: what is exported, what is shipped, what imports what."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import hebbsim

ROOT = Path(hebbsim.__file__).parent.parent
PINNED = {
    "ConvSynapses",
    "FeatureMap",
    "WinnerTakeAll",
    "conv_output_shape",
    "decode",
    "from_torch",
    "rules",
    "to_torch",
}


def test_every_exported_name_exists_and_is_listed_once():
    assert len(set(hebbsim.__all__)) == len(hebbsim.__all__)
    for name in hebbsim.__all__:
        assert getattr(hebbsim, name).__doc__, name
    assert set(hebbsim.__all__) >= PINNED


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'FeatureMaps'"):
        hebbsim.FeatureMaps  # noqa: B018


def test_importing_hebbsim_loads_no_torch():
    code = "import sys, hebbsim; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_wheel_holds_the_templates(tmp_path):
    from hatchling.builders.wheel import WheelBuilder

    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    shipped = set(zipfile.ZipFile(wheel).namelist())
    templates = list((ROOT / "hebbsim" / "codegen").glob("*/*templates/*.*"))
    assert len(templates) > 80
    for template in templates:
        assert str(template.relative_to(ROOT)) in shipped
    assert {"hebbsim/py.typed", "hebbsim/compare/templates/report.html"} <= shipped
    assert not any(name.startswith(("tests/", "examples/", "docs/")) for name in shipped)


@pytest.mark.parametrize("stem", ["conv_sum_*", "map_*", "kernel_update*", "sample_[us]*"])
def test_every_template_exists_for_every_target(stem):
    codegen = ROOT / "hebbsim" / "codegen"
    found = {f.stem for f in (codegen / "numpy" / "templates").glob(f"{stem}.py_")}
    # numpy visits every connection, and takes Brian2's threshold
    faster = {
        "conv_sum_kernel_products",
        "conv_sum_post_sparse",
        "conv_sum_post_winograd",
        "conv_sum_pre_product",
        "map_integrate_threshold",
        "map_threshold",
    }
    assert found
    assert found == {f.stem for f in (codegen / "cpp" / "templates").glob(f"{stem}.cpp")} - faster


def test_the_readme_shows_the_first_script_as_it_is():
    script = (ROOT / "examples" / "first_script.py").read_text().rstrip()
    assert f"```python\n{script}\n```" in (ROOT / "README.md").read_text()


def test_what_the_readme_points_to_is_there():
    for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text()):
        assert link.startswith("http") or (ROOT / link).exists(), link


def test_the_paper_cites_what_its_bibliography_lists():
    body = (ROOT / "paper" / "paper.md").read_text().partition("# Summary")[2]
    text = re.sub(r"```.*?```", "", body, flags=re.S)
    cited = set(re.findall(r"@([a-z0-9]+)", text))
    assert cited == set(
        re.findall(r"^@\w+\{(\w+),", (ROOT / "paper" / "paper.bib").read_text(), re.M)
    )


def by_name(requirements):
    """Return the versions of requirements in pip's or conda's form, as a set for each name."""
    parts = (re.fullmatch(r"([\w-]+)\s*(.*)", text) for text in requirements)
    return {part[1]: set(part[2].split(",")) for part in parts}


def test_the_conda_recipe_requires_what_the_package_does():
    yaml = pytest.importorskip("yaml", reason="no PyYAML: extra test")
    recipe = yaml.safe_load((ROOT / "recipe" / "recipe.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    context, extras = recipe["context"], project["optional-dependencies"]
    assert context["version"] == hebbsim.__version__
    assert project["requires-python"] == f">={context['python_min']}"
    expected = by_name(project["dependencies"])
    expected["matplotlib-base"] = expected.pop("matplotlib")
    found = by_name(recipe["requirements"]["run"])
    assert found.pop("python") == {">=${{ python_min }}"}
    assert found == expected
    optional = by_name([*extras["torch"], *extras["nir"]])
    optional["pytorch"] = optional.pop("torch")
    assert by_name(recipe["requirements"]["run_constraints"]) == optional
    command = dict([recipe["build"]["python"]["entry_points"][0].split(" = ")])
    assert command == project["scripts"]


def test_what_contributing_points_to_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    places = re.findall(r"`((?:[a-z0-9_]+/)+[a-z0-9_]*(?:\.py)?)[`:]", text)
    places = [place for place in places if "/_build/" not in place]  # which a command makes
    assert len(places) > 10
    for place in places:
        found = [root / place for root in (ROOT, ROOT / "hebbsim") if (root / place).exists()]
        assert found, place
