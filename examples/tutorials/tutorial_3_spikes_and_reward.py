"""
3. Spikes and reward
====================

The same convolution with neurons that spike: what a spike does along its connections, spike-timing
dependent plasticity on a shared kernel, and a reward that decides what is learned.
"""

import matplotlib.pyplot as plt
import numpy as np
from brian2 import Network, SpikeMonitor, StateMonitor, ms, second, seed

from hebbsim import (
    ConvSynapses,
    FeatureMap,
    SpikingLayer,
    SpikingNetwork,
    decode,
    load_dataset,
    rules,
)

seed(0)

# %%
# Spikes along a kernel
# ---------------------
# A map whose threshold is a lottery is a source of Poisson spikes. (So is any group of Brian2's, a
# ``PoissonGroup`` for one, if ``source_shape=(1, 8, 8)`` says how its neurons lie on a map.) The
# target integrates and fires. ``on_pre`` runs along all connections of a neuron that spiked, as in
# ``Synapses``.

source = FeatureMap((1, 8, 8), "", threshold="rand() < 40*Hz*dt")
layer = FeatureMap(
    (4, 6, 6), "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0", method="exact"
)
conv = ConvSynapses(source, layer, "w : 1", on_pre="v += w", kernel_size=3)
conv.w = "0.4*rand()"
spikes = SpikeMonitor(layer)
Network(source, layer, conv, spikes).run(500 * ms)
print(f"{spikes.num_spikes} spikes, {spikes.num_spikes / len(layer) / 0.5:.0f} Hz a neuron")

# %%
# STDP
# ----
# `PairSTDP` has its traces on the neurons, not on synapses: that is what lets connections share a
# kernel. They are kept by themselves. Changes of one time step add up, and are applied together.

rule = rules.PairSTDP(A_plus=0.03, A_minus=0.012, mu=0.6)
print(rule)

# %%
# A network that looks at images
# ------------------------------
# `SpikingNetwork` shows each image for a time: the brighter a pixel, the earlier its spike. At each
# position the first neuron to fire silences the other channels, a threshold for each channel
# adapts, and the sum of each filter's weights is held.

digits = load_dataset("digits")
total = 0.375 * 25  # of a filter's weights
features = SpikingLayer(
    16,
    kernel_size=5,
    rule=rule,
    threshold=f"v > {0.35 * total} + theta",
    theta_plus=0.035 * total,
    tau_theta=20,
    normalize="L1",
    norm=total,
    inhibition="others",
    initial_weights=(0.0, 0.75),
)
network = SpikingNetwork((1, 8, 8), [features], duration=25 * ms, batch_size=20, seed=0)


def accuracy() -> float:
    """Return the test accuracy of a linear read-out of spike counts."""
    return decode(
        network.transform(digits.train_images),
        digits.train_labels,
        network.transform(digits.test_images),
        digits.test_labels,
    )


random = accuracy()
network.fit(digits.train_images, epochs=2, progress=False)
print(f"test accuracy: random kernels {100 * random:.1f} %, learned {100 * accuracy():.1f} %")

figure, axes = plt.subplots(2, 8, figsize=(8, 2.4), layout="constrained")
for axis, kernel in zip(axes.flat, network.stages[0].conv.get_kernel("w")[:, 0], strict=True):
    axis.imshow(kernel, cmap="gray_r", vmin=0, vmax=1)
    axis.set_axis_off()
figure.suptitle("kernels that STDP learned")

# %%
# Reward
# ------
# `RewardGated` makes any rule wait. What it would have changed goes into a trace on each kernel
# element, ``eligibility``; the reward turns the trace into weight. Reward is a variable like any
# other: set it, link it to a neuron's, or write an expression.

gated = rules.RewardGated(rules.PairSTDP(A_plus=0.02, A_minus=0.001), tau_e=500 * ms)
source = FeatureMap((1, 8, 8), "", threshold="rand() < 40*Hz*dt")
layer = FeatureMap(
    (2, 6, 6), "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0", method="exact"
)
conv = ConvSynapses(
    source,
    layer,
    rule=gated,
    on_pre={"transmit": "v += w"},
    kernel_size=3,
    method="exact",
)
conv.w = 0.3
monitor = StateMonitor(conv, ("w", "eligibility"), record=[0, 4])
simulation = Network(source, layer, conv, monitor)
simulation.run(1 * second)  # no reward: a trace, and no change
assert np.allclose(conv.w, 0.3)
conv.reward = 0.5
simulation.run(200 * ms)
conv.reward = 0
simulation.run(300 * ms)
assert (conv.w[:] != 0.3).any()

figure, axes = plt.subplots(2, 1, figsize=(6, 3.6), sharex=True, layout="constrained")
axes[0].plot(monitor.t / second, monitor.eligibility.T)
axes[0].set(ylabel="eligibility")
axes[1].plot(monitor.t / second, monitor.w.T)
axes[1].set(ylabel="weight", xlabel="time (s)")
for axis in axes:
    axis.axvspan(1, 1.2, color="0.85")
figure.suptitle("two kernel elements; reward in grey")

# %%
# The examples :doc:`/gallery/reward_digits` and :doc:`/gallery/distal_reward` do this with whole
# tasks. Next: :doc:`tutorial_4_compare_and_export`.
