"""What a map decides: the class that its first winner stands for, and whether that is right."""

from typing import Any

import numpy as np
from brian2 import Quantity
from brian2.core.variables import Variables

from hebbsim.maps.durations import whole_steps
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.per_channel_sample_position import PerSample
from hebbsim.maps.stimulus_nest import StimulusNest
from hebbsim.maps.stored_images import StoredImages

__all__ = ["Decision"]

_MODEL = """
decision : integer
label : integer
reward : 1
"""


class Decision(PerSample):
    """Let the first winner of a map decide for the class of its channel, sample by sample.

    Its elements are the samples of the batch, with the variables ``decision`` (the class, -1 as
    long as nobody has won in the stimulus), ``label`` (what is shown, -1 without labels) and
    ``reward``: 1 if they are equal, -1 if not, 0 before a decision and without labels.

    Who wins is said by `FirstWinners`. With the threshold of a spiking layer it is the first neuron
    of the map; with a threshold that holds in the last step of a stimulus for all, it is the one
    with the largest `source`::

        FeatureMap((200, 4, 4), "v : 1", threshold="t_in_timesteps % 17 == 16")

    Parameters
    ----------
    feature_map : FeatureMap
        A map with `FirstWinners`.
    classes : sequence of int
        The class of each channel, from 0 on: ``np.arange(200)//20``.
    labels : sequence of int, optional
        The class of each stimulus, in the order in which they are shown; where they end they start
        anew, as `StoredImages` do. A batch takes ``batch_size`` of them.
    images : StoredImages, optional
        What is shown; needed where images may be shown again (`repeat_while`), so that each label
        stays with its image. There are then as many labels as images in the order of `images`, and
        in that order.
    duration : Quantity
        How long a stimulus lasts; the first begins at time 0.
    name : str, optional
        Name of this object.

    Raises
    ------
    TypeError
        If `feature_map` is none.
    ValueError
        If nobody wins in the map, there is not one class for each channel, a class or label is no
        integer from 0 on, `duration` is no whole number of time steps, or `images` are of another
        number, shown for another time, or to another number of samples.

    Examples
    --------
    A kernel that learns from whether decisions are right (of one sample at a time). Images are
    shown again until they are, ten times at most:

    >>> retina = FeatureMap((1, 8, 8), '''on : boolean
    ...                                   outcome : 1 (linked)''', "on")
    >>> shown = StoredImages(retina, images > 0.5, "on", duration=duration,
    ...                      repeat_while="outcome < 0 and n_repeats < 10")
    >>> FirstWinners(layer, 1, duration=duration)
    >>> decision = Decision(layer, np.arange(200)//20, labels, images=shown, duration=duration)
    >>> retina.outcome = linked_var(decision, "reward")
    >>> conv.reward = linked_var(decision, "reward")
    >>> rule = rules.OrderSTDP(soft=None).rewarded(0.004, 0.0005, block=1000)
    >>> learning = OrderPlasticity(conv, rule, duration=duration)
    """

    def __init__(
        self,
        feature_map: FeatureMap,
        classes: Any,
        labels: Any = None,
        *,
        images: StoredImages | None = None,
        duration: Quantity,
        name: str | None = None,
    ) -> None:
        if not isinstance(feature_map, FeatureMap):
            raise TypeError(f"Decision: expected a FeatureMap, got {feature_map!r}")
        if images is not None and not isinstance(images, StoredImages):
            raise TypeError(f"Decision: images must be StoredImages, got {images!r}")
        label = f"Decision on '{feature_map.name}'"
        if "_winspace" not in feature_map.variables:
            raise ValueError(
                f"{label}: nobody wins in '{feature_map.name}'; let FirstWinners say who decides, "
                "before this is made"
            )
        channels = feature_map.shape.channels
        self.classes = _checked(label, "classes", classes)
        if len(self.classes) != channels:
            raise ValueError(
                f"{label}: expected a class for each of {channels} channels, got "
                f"{len(self.classes)} classes"
            )
        self.labels = None if labels is None else _checked(label, "labels", labels)
        self.duration = duration
        steps = whole_steps(label, duration, feature_map.clock.dt)
        if images is not None:
            _check_images(label, images, steps, feature_map, self.labels)
        #: What counts the images where they may be shown again
        self.repetition = None if images is None else images.repetition
        super().__init__(feature_map, _MODEL, name=name or f"{feature_map.name}_decision*")
        self.contained_objects.append(_Deciding(self, label))


class _Deciding(StimulusNest):
    """Write what is decided in each step."""

    def __init__(self, decision: Decision, label: str) -> None:
        feature_map, variables = decision.feature_map, decision.variables
        steps = self._count_steps(label, decision.duration, feature_map.clock.dt)
        kept = {"_class_of_channel": decision.classes}
        if decision.labels is not None:
            kept["_labels"] = decision.labels
        for name, values in kept.items():
            variables.add_array(
                name,
                size=len(values),
                dtype=np.int32,
                constant=True,
                read_only=True,
                values=values,
            )
        self.variables = Variables(decision)
        self.variables.add_reference("_winspace", feature_map)
        self.variables.add_reference("_timestep", feature_map, "t_in_timesteps")
        counted = decision.repetition
        if counted is not None:
            self.variables.add_reference("_answered", counted, "n_answered")
        winners = feature_map.thresholder["win"]
        super().__init__(
            decision,
            "map_decision",
            "",
            when=winners.when,
            order=winners.order + 1,
            name=f"{decision.name}_deciding",
            template_kwds={
                "memory_shape": feature_map.memory_shape,
                "n_neurons": len(feature_map),
                "n_labels": 0 if decision.labels is None else len(decision.labels),
                "steps": steps,
                "_wins_var": feature_map.variables["_winspace"],
                "_timestep_var": feature_map.variables["t_in_timesteps"],
                "_answered_var": counted and counted.variables["n_answered"],
            },
            needed_variables=[
                *("decision", "label", "reward", "_winspace", "_timestep", *kept),
                *([] if counted is None else ["_answered"]),
            ],
        )


def _check_images(
    label: str,
    images: StoredImages,
    steps: int,
    feature_map: FeatureMap,
    labels: np.ndarray | None,
) -> None:
    """Refuse images that labels can't follow."""
    shown = images.feature_map
    here, there = steps * feature_map.clock.dt, images.n_steps * shown.clock.dt
    if not np.isclose(float(here), float(there), rtol=1e-9, atol=0):
        raise ValueError(
            f"{label}: a stimulus lasts {here} here, and {there} in the images of '{shown.name}'; "
            "give both the same duration"
        )
    if labels is not None and len(labels) != images.n_shown:
        raise ValueError(
            f"{label}: expected a label for each of {images.n_shown} images of '{shown.name}', in "
            f"the order in which they are shown, got {len(labels)} labels"
        )
    if shown.batch_size != feature_map.batch_size:
        raise ValueError(
            f"{label}: expected images of {feature_map.batch_size} samples, got those of "
            f"'{shown.name}' with {shown.batch_size}"
        )


def _checked(label: str, parameter: str, given: Any) -> np.ndarray:
    values = np.asarray(given)
    if values.ndim != 1 or not len(values) or values.dtype.kind not in "iu":
        raise ValueError(
            f"{label}: {parameter} must be a sequence of integers such as [0, 0, 1, 1], got an "
            f"array of {values.dtype} with shape {values.shape}"
        )
    if values.min() < 0:
        raise ValueError(f"{label}: {parameter} are counted from 0 on, got {values.min()}")
    return values.astype(np.int32)
