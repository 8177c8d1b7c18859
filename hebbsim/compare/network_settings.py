"""What one network of a comparison depends on: the unit of a sweep."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from hebbsim.compare.images import described_images
from hebbsim.compare.rate_rules import RATE_RULES, rule_names
from hebbsim.compare.results import PIXELS, RANDOM
from hebbsim.compare.settings import CompareSettings, check_layers
from hebbsim.errors import SettingsError
from hebbsim.experiments.settings import check_choice

__all__ = ["NetworkSettings"]


@dataclass(frozen=True)
class NetworkSettings(CompareSettings):
    """
    Hold the settings of one network, or of one baseline.

    Parameters
    ----------
    rule : str
        Name of a rate rule in any letter case, ``'random'`` or ``'pixels'``; it takes the place of
        `rules`, as the seed of a unit that of `seeds`.
    """

    #: Which are of a whole comparison
    OF_ALL: ClassVar[Mapping[str, str]] = {
        "rules": 'rule, such as rule = ["Hebb", "Oja"] in [grid]',
        "seeds": "seeds outside of all tables, such as seeds = 3",
    }

    rule: str = "Oja"

    def __post_init__(self) -> None:
        if self.rule in (PIXELS, RANDOM):
            rules: tuple[str, ...] = RATE_RULES[:1]  # which no baseline asks
        else:
            rules = rule_names([self.rule])
            object.__setattr__(self, "rule", rules[0])
        object.__setattr__(self, "rules", rules)
        object.__setattr__(self, "seeds", 1)
        super().__post_init__()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """
        Return the settings with these values, and the defaults of the data set for the others.

        Parameters
        ----------
        values : mapping
            Fields; `learning_rate` may be a number.
        """
        known = [field.name for field in fields(cls) if field.name not in cls.OF_ALL]
        for name in values:
            if name in cls.OF_ALL:
                raise SettingsError(
                    f"{name}: expected none, as each network is a unit of its own; give "
                    f"{cls.OF_ALL[name]}"
                )
            check_choice("setting", name, known)
        given = dict(values)
        rule, data = given.pop("rule", cls.rule), given.pop("data", cls.data)
        if type(given.get("learning_rate")) in (int, float):
            given["learning_rate"] = repr(given["learning_rate"])
        whole = CompareSettings.for_data(data, **given)
        return cls.of(whole, rule)

    @classmethod
    def of(cls, whole: CompareSettings, rule: str) -> Self:
        """Return the settings of one network of a comparison."""
        values = {field.name: getattr(whole, field.name) for field in fields(CompareSettings)}
        return cls(**values, rule=rule)

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in self.OF_ALL
        }

    def inputs(self) -> dict[str, Any]:
        """Return the fingerprints of the images, which may change while their folder doesn't.

        Raises
        ------
        DatasetError, GeometryError
            If the images can't be loaded, or a kernel doesn't fit them.
        """
        found, shape = described_images(self)
        check_layers(self, shape)
        return found
