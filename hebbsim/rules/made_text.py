"""Texts that a rule makes of its parameters, and makes anew when these change."""

__all__ = ["MadeText", "made_text"]


class MadeText(str):
    """A text made of parameters, with what wrappers such as `hard_bounded` added to it.

    Parameters
    ----------
    made : str
        What the parameters make.
    added : str
        Further lines; they stay when the parameters change.
    """

    added: str

    def __new__(cls, made: str, added: str = "") -> "MadeText":
        """Join both texts."""
        text = super().__new__(cls, made + added)
        text.added = added
        return text


def made_text(given: str, made: str) -> str:
    """Return the text of a rule whose parameters make `made`: that, or the user's own.

    A text that says what the parameters make, as one read from a file does, was made of them.

    Parameters
    ----------
    given : str
        What the rule was given: nothing, a text made of other parameters, or a text.
    made : str
        What its parameters make.
    """
    if not given:
        return MadeText(made)
    if isinstance(given, MadeText):
        return MadeText(made, given.added)
    if given == made or (made and given.startswith(f"{made}\n")):
        return MadeText(made, given[len(made) :])
    return given
