"""
2. A rule of one's own
======================

The plasticity of the first tutorial was one line of a model. Here it becomes a *rule*: a value that
can be printed, tried in any layer, bounded, and compared with others.
"""

import matplotlib.pyplot as plt
import numpy as np
from brian2 import BrianLogger, Network, defaultclock, seed

from hebbsim import (
    ConvLayer,
    ConvNetwork,
    ConvSynapses,
    FeatureMap,
    decode,
    load_dataset,
    rules,
)

seed(0)
BrianLogger.suppress_name("unused_brian_object")  # of a mistake that is made on purpose
digits = load_dataset("digits")

# %%
# A rule is text
# --------------
# ``x`` is the presynaptic activity, ``y`` the postsynaptic one, ``w`` the weight. This is Hebb's
# product with a decay of our own: it grows with the square of the neuron's activity, so that only
# neurons that are active forget. By the mathematics of Oja's rule, the norm of the weights should
# end at ``1/sqrt(decay)``. The learning rate falls as time goes by, and ``n_shared``, the number of
# connections that share a kernel element, makes it one per connection.

rule = rules.Rule(
    learning_rate="0.1*exp(-t/(0.2*second))/n_shared",
    equations="dw = y_post*x_pre - decay*y_post**2*w : 1 (summed)",
    constants={"decay": 2.0},
    reference="Oja 1982 with a stronger decay",
)
print(rule)

# %%
# Mistakes are found when the rule meets the neurons, not after an hour of learning: a name that
# nothing has, or units that don't fit.

source = FeatureMap((1, 6, 6), "x : 1")
target = FeatureMap((2, 4, 4), "u : 1\ny : 1")
wrong = rules.Rule(equations="dw = y_post*(x_pre - x_mean_pre) : 1 (summed)")
try:
    ConvSynapses(source, target, rule=wrong, kernel_size=3)
except ValueError as error:
    print(error)

# %%
# Check it on a small scale
# -------------------------
# One step of the rule, against numpy. ``conv`` without a model drives the target by
# ``u_post = w*x_pre``.

conv = ConvSynapses(source, target, rule=rule, kernel_size=3)
conv.w, source.x, target.y = "0.3*randn()", "rand()", "rand()"
before = conv.get_kernel("w")
inputs, outputs = source.get_maps("x")[0, 0], target.get_maps("y")[0]
Network(source, target, conv).run(defaultclock.dt)
change = np.zeros_like(before)
for channel, row, column in np.ndindex(outputs.shape):
    active = outputs[channel, row, column]
    patch = inputs[row : row + 3, column : column + 3]
    change[channel, 0] += active * patch - 2.0 * active**2 * before[channel, 0]
expected = before + 0.1 / 16 * change  # 4x4 positions share an element
print("largest difference to numpy:", abs(conv.get_kernel("w") - expected).max())
assert np.allclose(conv.get_kernel("w"), expected)

# %%
# Let it learn
# ------------
# `ConvNetwork` stacks layers, and presents a batch in each time step. With linear neurons that
# don't compete, the norms tell whether the rule does what the mathematics says.

layer = ConvLayer(8, kernel_size=5, rule=rule, activity="linear", normalize=None)
network = ConvNetwork((1, 8, 8), [layer], batch_size=50, seed=1)
network.fit(digits.train_images, epochs=20, progress=False)
kernels = network.stages[0].conv.get_kernel("w")
norms = np.sqrt((kernels**2).sum(axis=(1, 2, 3)))
print("norms:", norms.round(3), "expected:", round(2**-0.5, 3))
assert np.allclose(norms, 2**-0.5, atol=0.02)

# %%
# Use it
# ------
# In a layer whose channels compete, the same rule learns different filters. A linear read-out says
# what they are worth: the accuracy with which `decode` tells the ten digits, on images that nothing
# was trained on. Next to it, the same network with the random kernels that it started with.


def accuracy(network: ConvNetwork) -> float:
    """Return the accuracy of a ridge regression on the features."""
    return decode(
        network.transform(digits.train_images),
        digits.train_labels,
        network.transform(digits.test_images),
        digits.test_labels,
    )


competing = ConvLayer(16, kernel_size=5, padding=2, rule=rule, threshold_step=0.3)
network = ConvNetwork((1, 8, 8), [competing], batch_size=50, seed=1)
random = accuracy(network)
network.fit(digits.train_images, epochs=10, progress=False)
print(
    f"test accuracy: random kernels {100 * random:.1f} %, learned {100 * accuracy(network):.1f} %"
)

figure, axes = plt.subplots(2, 8, figsize=(8, 2.4), layout="constrained")
for axis, kernel in zip(axes.flat, network.stages[0].conv.get_kernel("w")[:, 0], strict=True):
    axis.imshow(kernel, cmap="RdBu_r", vmin=-abs(kernel).max(), vmax=abs(kernel).max())
    axis.set_axis_off()
figure.suptitle("kernels that our rule learned")

# %%
# Variations cost a line: ``rule.hard_bounded(-1, 1)`` clips the weights,
# ``rule.learn_if("abs(u_post) < 0.1")`` stops where a neuron is driven strongly, and
# ``rule.filtered(20*ms, 20*ms)`` makes it a rule for spikes. All rules of the
# package, with what each does, are in :doc:`/rules/index`.
#
# Next: :doc:`tutorial_3_spikes_and_reward`.
