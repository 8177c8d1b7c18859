"""The directive ``rule``: equations, values, reference and plot, from the rule object itself."""

import os
from html import escape
from pathlib import Path
from typing import Any

import rule_figures
from brian2 import Quantity, have_same_dimensions, mV
from docutils import nodes
from equations import equation_rows, statement_rows
from joblib import Parallel, delayed
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from hebbsim import rules

RULES = Path(rules.__file__).parent
#: What a text of a rule says, in the order of a time step
_PLACES = (
    ("equations", "on each kernel element, summed over all connections that share it"),
    ("pre_channels", "for each channel of the source"),
    ("post_channels", "for each channel of the target"),
    ("post_samples", "for each sample of the target"),
    ("pre_model", "on each neuron of the source"),
    ("pre_reset", "when it spikes"),
    ("post_model", "on each neuron of the target"),
    ("post_reset", "when it spikes"),
    ("on_pre", "along each connection of a presynaptic spike"),
    ("on_post", "along each connection of a postsynaptic spike"),
    ("potentiation", "added for each winner whose input had spiked before it"),
    ("depression", "added for each winner whose input had not"),
    ("update", "at the end of a step"),
)
_STATEMENTS = {"pre_reset", "post_reset", "on_pre", "on_post", "update"}
_CHANGES = {"potentiation", "depression"}


class RuleDirective(SphinxDirective):
    """Show the rule of this name, made with its defaults."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return equations, text, values, reference and figure."""
        name = self.arguments[0]
        rule = getattr(rules, name)() if name != "Rule" else rule_figures.own_rule()
        for source in (*Path(__file__).parent.glob("*.py"), *RULES.glob("*.py")):
            self.env.note_dependency(str(source))
        found: list[nodes.Node] = [nodes.raw("", _table(rule), format="html")]
        how = "print(rule)" if name == "Rule" else f"print(rules.{name}())"
        said = nodes.paragraph("", "", nodes.Text("The same as text: "))
        said += [nodes.literal("", how), nodes.Text(" shows it.")]
        found += [said, nodes.literal_block(str(rule), str(rule), language="text")]
        if name in rule_figures.FIGURES:
            found.append(self._figure(name))
        return found

    def _figure(self, name: str) -> nodes.figure:
        caption = rule_figures.FIGURES[name].__doc__ or ""
        uri = f"figures/{name}.svg"
        image = nodes.image(uri=uri, alt=f"What the rule {name} does")
        return nodes.figure("", image, nodes.caption("", " ".join(caption.split())))


def _table(rule: Any) -> str:
    """Return the equations, and the values of the names in them, as HTML."""
    rows = []
    for place, said in _PLACES:
        text = getattr(rule, place, "")
        if not text.strip():
            continue
        if place in _CHANGES:
            shown = statement_rows(f"dw += {text}")
        elif place in _STATEMENTS:
            shown = statement_rows(text)
        else:
            shown = [math for math, _ in equation_rows(text)]
        rows.append(f"<tr><td>{said}</td><td>{''.join(shown)}</td></tr>")
    values = _values(rule)
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(str(value))}</td></tr>"
        for name, value in values.items()
    )
    parameters = f"<table class='docutils'><tr><th>name</th><th>value</th></tr>{cells}</table>"
    return (
        "<div class='rule-equations'><table class='docutils'>"
        f"<tr><th>where</th><th>what</th></tr>{''.join(rows)}</table></div>"
        f"<div class='rule-values'>{parameters}</div>"
        f"<p class='rule-reference'>{escape(rule.reference)}.</p>"
    )


def _values(rule: Any) -> dict[str, Any]:
    if isinstance(rule, rules.OrderSTDP):
        return {n: getattr(rule, n) for n in ("a_plus", "a_minus", "w_min", "w_max")}
    values = {"eta": rule.learning_rate, **rule.parameters}
    return {name: _with_known_units(value) for name, value in values.items()}


def _with_known_units(value: Any) -> Any:
    """Write what is per voltage so; Brian2 would take it apart into metres and kilograms."""
    for power in (1, 2):
        if isinstance(value, Quantity) and have_same_dimensions(value, 1 / mV**power):
            return f"{float(value * mV**power):g} / mV{'²' if power == 2 else ''}"
    return value


def draw_figures(app: Sphinx) -> None:
    """Draw what each rule does, unless the figure is newer than what it is drawn from."""
    folder = Path(app.srcdir) / "rules" / "figures"
    folder.mkdir(exist_ok=True)
    sources = [Path(rule_figures.__file__), *RULES.glob("*.py")]
    newest = max(source.stat().st_mtime for source in sources)
    paths = {name: folder / f"{name}.svg" for name in rule_figures.FIGURES}
    old = {n: p for n, p in paths.items() if not p.exists() or p.stat().st_mtime < newest}
    if old:
        draw = delayed(rule_figures.draw)
        Parallel(n_jobs=os.cpu_count(), batch_size=1)(draw(*figure) for figure in old.items())


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive, whose figures are drawn before pages are read."""
    app.add_directive("rule", RuleDirective)
    app.connect("builder-inited", draw_figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
