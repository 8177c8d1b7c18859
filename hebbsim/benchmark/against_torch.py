"""Parts b, c and d: steps of learning, convolutions and feedback, against torch."""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from hebbsim.benchmark.ours import (
    RATE,
    THRESHOLD_STEP,
    Layer,
    conv_network,
    images,
    stamped,
    steps,
)
from hebbsim.benchmark.rivals import (
    LAYOUTS,
    ClosedForm,
    Convolution,
    GradientTrick,
    TransposedConvolution,
)
from hebbsim.benchmark.rows import Row, Target, largest_difference
from hebbsim.benchmark.setting import Found, Setting
from hebbsim.benchmark.sizes import Sizes
from hebbsim.benchmark.timing import Contender, Repeated, interleave
from hebbsim.geometry import pool_output_shape
from hebbsim.networks.conv_network import ConvNetwork

__all__ = [
    "closed_form",
    "convolution",
    "gradient_trick",
    "network_difference",
    "shapes",
    "winner_difference",
]

#: Sums of float32 in another order
ROUNDING = 1e-4
#: The same, where rounding may choose another winner of two that are almost equal
CLOSE_WINNERS = 1e-3
STEPS_TO_COMPARE = 3
#: Which share of the weights of layers 2 and 3 a network may lack, as Miconi's (2021)
PRUNED = 0.99


class Shape(NamedTuple):
    """The shape of a layer."""

    image: tuple[int, int, int]
    filters: int
    kernel: int

    def __str__(self) -> str:
        channels, rows, cols = self.image
        return f"{channels}x{rows}x{cols} to {self.filters} maps, {self.kernel}x{self.kernel}"


def shapes(sizes: Sizes) -> list[Shape]:
    """Return the shapes of the three-layer network's convolutions."""
    image, found = sizes.image, []
    for filters, kernel in zip(sizes.filters, sizes.kernels, strict=True):
        found.append(Shape(image, filters, kernel))
        side = image[1] - kernel + 1
        image = tuple(pool_output_shape((filters, side, side), 2))  # type: ignore[assignment]
    return found


# --- b: the closed form -------------------------------------------------------------------------


def closed_form(setting: Setting) -> Found:
    """Measure a layer of instar learning with one winner against its closed form."""
    torch.set_num_threads(setting.threads)
    sizes = setting.sizes
    digits = Shape(sizes.digit, sizes.maps, sizes.kernel)
    return Found([_closed_form(setting, shape) for shape in (shapes(sizes)[0], digits)], [])


def _closed_form(setting: Setting, shape: Shape) -> Row:
    setting.announce(f"instar of winners, {shape}")
    difference = winner_difference(setting, shape)
    layer = _winner_layer(setting, shape)
    x, kernel = torch.from_numpy(layer.input), torch.from_numpy(layer.kernel)
    contenders: dict[str, Contender] = {"ours": layer.stamped(setting.threads)}
    for form in ClosedForm.FORMS:
        contenders[form] = Repeated(partial(ClosedForm(kernel, RATE, form).step, x))
    return _row(
        setting,
        contenders,
        ("b", f"step of instar learning, {shape}, batch {setting.sizes.batch}"),
        "closed form",
        Target(1, aim=2),
        (difference, CLOSE_WINNERS),
    )


def _winner_layer(setting: Setting, shape: Shape) -> Layer:
    return Layer.build(*shape, batch=setting.sizes.batch, learning="winner")


def winner_difference(setting: Setting, shape: Shape) -> float:
    """Learn for some steps; return the largest difference of kernels to any closed form."""
    layer = _winner_layer(setting, shape)
    x, kernel = torch.from_numpy(layer.input), torch.from_numpy(layer.kernel)
    layer.stamped(setting.threads).run(STEPS_TO_COMPARE)
    found = []
    for form in ClosedForm.FORMS:
        rival = ClosedForm(kernel, RATE, form)
        for _ in range(STEPS_TO_COMPARE):
            rival.step(x)
        found.append(largest_difference(layer.kernel, rival.kernel.numpy()))
    return max(found)


# --- c: the gradient trick ----------------------------------------------------------------------


def gradient_trick(setting: Setting) -> Found:
    """Measure the training step of three layers against the gradient trick."""
    torch.set_num_threads(setting.threads)
    sizes = setting.sizes
    setting.announce("three layers: the same result")
    difference = network_difference(setting)
    setting.announce("three layers: training step")
    network = conv_network(sizes)
    batch = images(sizes)
    kernels = _kernels(network)
    ours = stamped(network, batch, setting.threads)
    contenders: dict[str, Contender] = {"ours": ours}
    for layout in LAYOUTS:
        rival = GradientTrick(kernels, [RATE] * len(kernels), THRESHOLD_STEP, layout)
        contenders[layout] = Repeated(partial(rival.step, torch.from_numpy(batch)))
    row = _row(
        setting,
        contenders,
        ("c", f"training step, three layers, batch {sizes.batch}"),
        "gradient trick",
        Target(3, aim=5),
        (difference, CLOSE_WINNERS),
    )
    before = 1e3 * float(np.median(ours.starts))
    start = Row("c", "three layers: start of a run", setting.threads, "ms", before)
    return Found([row, *_pruned(setting, batch), start, _fixed_cost(setting)], [])


def _pruned(setting: Setting, batch: np.ndarray) -> list[Row]:
    """Time the step of the same layers with few weights left, also as if the mask left all."""
    setting.announce("three layers, pruned: training step")
    networks = {
        "few": conv_network(setting.sizes, pruned=PRUNED),
        "every": conv_network(setting.sizes, pruned=PRUNED),
        "whole": conv_network(setting.sizes),
    }
    for stage in networks["every"].stages:
        for total in stage.conv.sums.values():
            total.visit_all()
    contenders: dict[str, Contender] = {
        name: stamped(network, batch, setting.threads) for name, network in networks.items()
    }
    for name in ("few", "every"):
        steps(networks[name], batch, 1)
    pairs = zip(*(_kernels(networks[name]) for name in ("few", "every")), strict=True)
    difference = max(largest_difference(few.numpy(), every.numpy()) for few, every in pairs)
    times = interleave(contenders, setting.repeats, setting.sizes.seconds)
    what = f"training step, three layers, {PRUNED:.0%} of layers 2 and 3 pruned"
    few, every, whole = (1e3 * times[name] for name in networks)
    return [
        Row(
            *("c", what, setting.threads, "ms", few, every),
            "ours, pruned weights visited too",
            Target(2),
            difference,
            CLOSE_WINNERS,
        ),
        Row("c", what, setting.threads, "ms", few, whole, "ours, not pruned"),
    ]


def _fixed_cost(setting: Setting) -> Row:
    """Time the step of the same three layers with two filters each, for a single sample."""
    setting.announce("three layers: fixed cost of a step")
    small = replace(setting.sizes, filters=(2,) * len(setting.sizes.filters), batch=1)
    contender = stamped(conv_network(small), images(small), setting.threads)
    times = interleave({"ours": contender}, setting.repeats, setting.sizes.seconds)
    what = "three layers of 2 filters, batch 1: fixed cost of a step"
    return Row("c", what, setting.threads, "ms", 1e3 * times["ours"])


def _kernels(network: ConvNetwork) -> list[torch.Tensor]:
    return [torch.from_numpy(stage.conv.get_kernel("w")) for stage in network.stages]


def network_difference(setting: Setting) -> float:
    """
    Learn step by step; return the largest difference of any kernel to the gradient trick's.

    The rival goes on from our kernels and thresholds in each step: a winner that rounding decided
    would shift a threshold, and that others, so that two exact simulations part with time.
    """
    network = conv_network(setting.sizes)
    batch = images(setting.sizes)
    ours = stamped(network, batch, setting.threads)
    found = []
    for _ in range(STEPS_TO_COMPARE):
        rivals = []
        for layout in LAYOUTS:
            kernels = _kernels(network)
            rival = GradientTrick(kernels, [RATE] * len(kernels), THRESHOLD_STEP, layout)
            for theta, stage in zip(rival.thresholds, network.stages, strict=True):
                theta.copy_(torch.from_numpy(stage.thresholds))
            rival.step(torch.from_numpy(batch))
            rivals.append(rival)
        ours.run(1)
        for rival in rivals:
            for stage, w in zip(network.stages, rival.weights, strict=True):
                theirs = w.detach().numpy()
                found.append(largest_difference(stage.conv.get_kernel("w"), theirs))
    return max(found)


# --- d: convolutions ----------------------------------------------------------------------------


def convolution(setting: Setting) -> Found:
    """Measure the forward convolution of each of the three layers, and feedback between them."""
    torch.set_num_threads(setting.threads)
    layers = shapes(setting.sizes)
    rows = [_convolution(setting, shape, "forward") for shape in layers]
    return Found(rows + [_convolution(setting, shape, "feedback") for shape in layers[1:]], [])


def _convolution(setting: Setting, shape: Shape, way: str) -> Row:
    setting.announce(f"{way}, {shape}")
    layer = Layer.build(*shape, batch=setting.sizes.batch, learning=way)
    ours = layer.stamped(setting.threads)
    ours.run(1)
    if way == "forward":
        function, name, given, found = Convolution, "conv2d", layer.input, layer.drive
    else:
        function, name = TransposedConvolution, "conv_transpose2d"
        given, found = layer.target.get_maps("y"), layer.source.get_maps("d")
    contenders: dict[str, Contender] = {"ours": ours}
    kernel, differences = torch.from_numpy(layer.kernel), []
    for layout in LAYOUTS:
        rival = function(kernel, layout)
        x = rival.prepare(torch.from_numpy(given))
        differences.append(largest_difference(found, rival.step(x).numpy()))
        contenders[layout] = Repeated(partial(rival.step, x))
    return _row(
        setting,
        contenders,
        ("d", f"{way}, {shape}, batch {setting.sizes.batch}"),
        name,
        Target(0.6, aim=1),
        (max(differences), ROUNDING),
    )


def _row(
    setting: Setting,
    contenders: dict[str, Contender],
    place: tuple[str, str],
    rival: str,
    target: Target,
    check: tuple[float, float],
) -> Row:
    """Time all; compare with the fastest form of the rival."""
    times = interleave(contenders, setting.repeats, setting.sizes.seconds)
    ours = times.pop("ours")
    form = min(times, key=times.__getitem__)
    part, what = place
    return Row(
        part,
        what,
        setting.threads,
        "ms",
        1e3 * ours,
        1e3 * times[form],
        f"torch {rival}, {form}",
        target,
        *check,
    )
