"""Names in single backticks: links where this project documents them, code elsewhere."""

from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxRole

PLACES = ("hebbsim", "hebbsim.rules", "hebbsim.bridge.weights")


class NameRole(SphinxRole):
    """Refer to what has the name in the class at hand, in `hebbsim` or in its rules."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return a reference that is resolved when all names are known."""
        reference = pending_xref(
            self.rawtext,
            nodes.literal(self.text, self.text, classes=["py"]),
            refdomain="py",
            reftype="obj",
            reftarget=self.text,
            refdoc=self.env.docname,
            hebbsim_name=True,
            **{"py:class": self.env.ref_context.get("py:class")},
        )
        return [reference], []


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Node | None:
    """Resolve a name as far as it can be; what is no name of this project stays code."""
    if not node.get("hebbsim_name"):
        return None
    python = env.domains.python_domain
    name = node["reftarget"].removesuffix("()")
    inside = [node["py:class"]] if node["py:class"] else []
    for place in (*inside, *PLACES):
        for module in (place, f"hebbsim.{place}"):
            if f"{module}.{name}" in python.objects:
                return python.resolve_xref(
                    env, node["refdoc"], app.builder, "obj", f"{module}.{name}", node, content
                )
    return content


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the role, which a page gets for single backticks."""
    app.add_role("name", NameRole())
    app.connect("missing-reference", resolve, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
