"""
1. A first kernel
=================

A convolution between two groups of neurons, written as equations, that learns strokes from
handwritten digits. You need to know what a ``NeuronGroup`` is in Brian2; nothing else.
"""

import matplotlib.pyplot as plt
import numpy as np
from brian2 import BrianLogger, Network, defaultclock, seed
from scipy.signal import correlate2d

from hebbsim import (
    AdaptiveThreshold,
    ConvSynapses,
    FeatureMap,
    StoredImages,
    WinnerTakeAll,
    conv_output_shape,
    load_dataset,
)

seed(0)

# %%
# Maps
# ----
# A `FeatureMap` is a ``NeuronGroup`` whose neurons lie on a grid of channels, rows and columns.
# Several stimuli are shown side by side, one in each *sample* of the batch. Here the retina has one
# channel of 8x8 neurons, and the layer gets 16 channels; `conv_output_shape` says how large their
# maps are.

images = load_dataset("digits").train_images  # (n, 1, 8, 8), from 0 to 1
shape = conv_output_shape((1, 8, 8), out_channels=16, kernel_size=5)
retina = FeatureMap((1, 8, 8), "x : 1", batch_size=50)
layer = FeatureMap(shape, "u : 1\ny : 1", batch_size=50)
print("the layer has", shape, "neurons, in each of 50 samples:", len(layer))

# %%
# A convolution
# -------------
# `ConvSynapses` joins two maps. Names without a suffix are variables of the kernel's elements,
# ``_pre`` and ``_post`` those of the neurons, as in ``Synapses``. A ``(summed)`` equation adds up
# over all connections of the variable on its left. So one line is a convolution, and another one is
# plasticity: each kernel element sums over all positions and samples that share it.

conv = ConvSynapses(
    retina,
    layer,
    """
    w : 1                                          # one value for each kernel element
    u_post = w*x_pre : 1 (summed)                  # convolution
    dw = y_post*(x_pre - w) : 1 (summed)           # plasticity: Grossberg's instar
    """,
    update="w += 0.002*dw",
    kernel_size=5,
)
conv.w = "0.1*randn()"
before = conv.get_kernel("w")
print("kernel:", before.shape, "in torch's order: out channels, in channels, rows, columns")

# %%
# Is it a convolution? Show 50 images, run one time step, and compare with scipy. The neurons'
# output ``y`` is still 0, so that nothing is learned.

retina.set_maps("x", images[:50])
simulation = Network(retina, layer, conv)
simulation.run(defaultclock.dt)
drive = layer.get_maps("u")  # (50, 16, 4, 4)
expected = correlate2d(images[7, 0], before[3, 0], mode="valid")
print("largest difference to scipy:", abs(drive[7, 3] - expected).max())
assert np.allclose(drive[7, 3], expected)

# %%
# Competition
# -----------
# With all neurons active, all filters would learn the same. Let one channel win at each position:
# `WinnerTakeAll` writes 1 into ``y`` of the neuron with the largest drive, and 0 into the others.
# An `AdaptiveThreshold` for each channel keeps one filter from winning for ever.

threshold = AdaptiveThreshold(layer, target_rate=1 / 16, step=0.5)
winners = WinnerTakeAll(layer, source="u - theta", target="y", k=1)

# %%
# Learning
# --------
# `StoredImages` shows the next 50 images in each time step. A thousand steps are a second.

order = np.random.default_rng(0).integers(len(images), size=50_000)
stored = StoredImages(retina, images, value="pixel - 0.3", order=order)
simulation.add(threshold, winners, stored)
simulation.run(1000 * defaultclock.dt)


def show(kernels: np.ndarray, title: str) -> None:
    """Draw the 16 kernels."""
    figure, axes = plt.subplots(2, 8, figsize=(8, 2.4), layout="constrained")
    for axis, kernel in zip(axes.flat, kernels[:, 0], strict=True):
        axis.imshow(kernel, cmap="RdBu_r", vmin=-0.7, vmax=0.7)
        axis.set_axis_off()
    figure.suptitle(title)


show(before, "before")
show(conv.get_kernel("w"), "after learning: strokes")

# %%
# What runs
# ---------
# Nothing is hidden. ``explain()`` shows what runs in a time step, and what it costs:

print(conv.explain())

# %%
# And ``to_synapses()`` returns the same connections as Brian2's own ``Synapses``, one by one: slow,
# and good to look at.

BrianLogger.suppress_name("unused_brian_object")  # it is looked at, and never runs
explicit = conv.to_synapses()
print(f"{len(conv)} kernel elements stand for {len(explicit):,} synapses")

# %%
# Next: :doc:`tutorial_2_own_rule`, where the plasticity is yours.
