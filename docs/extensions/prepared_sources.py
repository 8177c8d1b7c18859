"""What the build writes before it reads: the examples with titles, a page for each model."""

import ast
import gc
import re
import unicodedata
from pathlib import Path
from typing import Any

from brian2 import defaultclock, ms, prefs, start_scope

__all__ = ["arguments_of", "prepare", "start_anew"]

#: What examples are given here, so that each takes less than a minute
ARGUMENTS = {
    "distal_reward": ["--sparse", "--seconds", "900"],
    "pairing_frequency": ["--output", "pairing_frequency.png"],
    "reward_digits": ["--seeds", "1", "--epochs", "5", "--images", "400"],
    "speed_against_synapses": ["--steps", "20", "--rounds", "3", "--precision", "float32"],
    "spiking_features": ["--seeds", "1"],
}

#: What measures, while no other example runs
ALONE = {"speed_against_synapses"}


def arguments_of(_: dict[str, Any], script: dict[str, Any]) -> list[str]:
    """Return the command line's arguments for an example, as sphinx-gallery asks for them."""
    path = Path(script["src_file"])
    # what Python gives a script: one of them starts itself anew, others print their docstrings
    given = {"__file__": str(path), "__doc__": ast.get_docstring(ast.parse(path.read_text()))}
    script["example_globals"].update(given)
    return ARGUMENTS.get(path.stem, [])


def start_anew(_: dict[str, Any], __: str) -> None:
    """Leave nothing of an example to the next one, which would run in a process of its own."""
    start_scope()
    prefs.reset_to_defaults()
    defaultclock.dt = 0.1 * ms
    gc.collect()


def prepare(docs: Path) -> None:
    """Write the examples into ``_build/examples``, and the models' pages into ``models``."""
    root = docs.parent
    _prepare_examples(root / "examples", docs / "_build" / "examples")
    _prepare_models(root / "models" / "README.md", docs / "models")


def _prepare_examples(source: Path, target: Path) -> None:
    """Copy the examples; the first sentence of each becomes the title of its page."""
    target.mkdir(parents=True, exist_ok=True)
    written = [_write(target / "GALLERY_HEADER.rst", (source / "GALLERY_HEADER.rst").read_text())]
    for script in sorted(source.glob("*.py")):
        text = script.read_text()
        title, _, rest = text.removeprefix('"""').partition("\n")
        title = title.removesuffix('"""').rstrip(".")
        given = ARGUMENTS.get(script.stem)
        note = f"\nRun here with ``{' '.join(given)}``.\n" if given else ""
        # a command is no quotation
        rest = re.sub(r"\n\n(    python )", r"\n\n.. code-block:: bash\n\n\1", rest, count=1)
        page = f'"""\n{title}\n{"=" * len(title)}\n{note}{rest}'
        if script.stem in ALONE:
            page += "\n# sphinx_gallery_parallel = False\n"
        written.append(_write(target / script.name, page))
    for left in set(target.iterdir()) - set(written):
        if left.is_file() and left.suffix == ".py":
            left.unlink()


def _prepare_models(readme: Path, target: Path) -> None:
    """Split what the models' commands wrote into a page for each paper."""
    target.mkdir(exist_ok=True)
    intro, *sections = re.split(r"^## ", readme.read_text(), flags=re.MULTILINE)
    titles = [section.partition("\n")[0].strip() for section in sections]
    names = {_anchor(title): _page_name(title) for title in titles}
    for title, section in zip(titles, sections, strict=True):
        body = section.partition("\n")[2].replace("\n### ", "\n## ")
        _write(target / f"{_page_name(title)}.md", f"# {title}\n{_with_links(body, names)}")
    pages = "\n".join(_page_name(title) for title in titles)
    toctree = f"\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"
    _write(target / "index.md", _with_links(intro, names) + toctree)
    for left in target.glob("*.md"):
        if left.stem not in {"index", *map(_page_name, titles)}:
            left.unlink()


def _with_links(text: str, names: dict[str, str]) -> str:
    """Let links to sections lead to their pages, and those to files beside to where they lie."""

    def moved(match: re.Match[str]) -> str:
        link = match.group(1)
        if link.startswith("http"):
            return match.group()
        if link.startswith("#"):
            return f"]({names[link[1:]]}.md)"
        if link.startswith("../docs/"):
            return f"](..{link.removeprefix('../docs')})"
        return f"](../../models/{link})"

    text = re.sub(r"\]\(([^)]+)\)", moved, text)
    return text.replace("```sh\n", "```bash\n")


def _anchor(title: str) -> str:
    """Return what GitHub makes of a heading in a link."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _page_name(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"\w+", plain)[:5])


def _write(path: Path, text: str) -> Path:
    """Write a file unless it says so already: what is unchanged is not built again."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path
