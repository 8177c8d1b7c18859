"""What a reader sees of a class: public bases, and a signature that can be read."""

import inspect
import re
from typing import Any

from sphinx.application import Sphinx

import hebbsim

EXPORTED = {getattr(hebbsim, name) for name in ("FeatureMap", "ConvSynapses", "Rule")}


def keep_public_bases(
    app: Sphinx, name: str, obj: type, options: dict[str, Any], bases: list[type]
) -> None:
    """Replace bases that are nobody's business by what they derive from in Brian2, or drop them."""
    public = [
        base
        for base in obj.__mro__[1:]
        if base in EXPORTED or base.__module__.startswith("brian2.groups")
    ]
    bases[:] = public[:1]


def make_readable(
    app: Sphinx, what: str, name: str, obj: Any, options: dict[str, Any], signature: str | None,
    returned: str | None,
) -> tuple[str | None, str | None]:  # fmt: skip
    """Show no addresses and makers of default values, and what Brian2's metaclass hides."""
    if signature == "(*args, **kw)" and isinstance(obj, type):
        found = inspect.signature(obj.__init__)
        own = [p.replace(annotation=p.empty) for p in list(found.parameters.values())[1:]]
        signature = str(inspect.Signature(own))
    if signature is None:
        return signature, returned
    return re.sub(r"<[^<>]*>", "...", signature), returned


def setup(app: Sphinx) -> dict[str, Any]:
    """Listen to what autodoc finds."""
    app.connect("autodoc-process-bases", keep_public_bases)
    app.connect("autodoc-process-signature", make_readable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
