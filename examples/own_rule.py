"""A rule of one's own: write the equations, and everything else follows.

Two ways. A `Rule` is a text that any layer can use, here Hebbian growth with decay that only
active neurons pay, and a learning rate that falls as time goes by. Or the equations go into the
model of `ConvSynapses` directly, here an eligibility trace on each kernel element that a reward
turns into a change (a three-factor rule).
"""

import matplotlib.pyplot as plt
import numpy as np
from brian2 import Network, defaultclock, ms, seed

from hebbsim import ConvLayer, ConvNetwork, ConvSynapses, FeatureMap, load_dataset, rules

seed(0)
digits = load_dataset("digits")

# --- a rule as a value -------------------------------------------------------------------------
decaying_hebb = rules.Rule(
    learning_rate="0.1*exp(-t/(0.2*second))/n_shared",
    equations="dw = y_post*x_pre - decay*y_post**2*w : 1 (summed)",
    constants={"decay": 2.0},
    reference="Oja 1982 with a stronger decay",
)
print(decaying_hebb, end="\n\n")

layer = ConvLayer(8, kernel_size=5, rule=decaying_hebb, activity="linear", normalize=None)
network = ConvNetwork((1, 8, 8), [layer], batch_size=50, seed=1)
network.fit(digits.train_images, epochs=20, progress=False)
kernels = network.stages[0].conv.get_kernel("w")
norms = np.sqrt((kernels**2).sum(axis=(1, 2, 3)))
print("norms, 1/sqrt(decay) =", round(2**-0.5, 3), "expected:", norms.round(3))
assert np.allclose(norms, 2**-0.5, atol=0.02)

figure, axes = plt.subplots(1, 8, figsize=(8, 1.4), layout="constrained")
for axis, kernel in zip(axes, kernels[:, 0], strict=True):
    axis.imshow(kernel, cmap="RdBu_r", vmin=-0.4, vmax=0.4)
    axis.set_axis_off()
figure.suptitle("without competition, all find the first component, up to its sign")
figure.savefig("own_rule.png", dpi=150)

# --- the same freedom inside a model -----------------------------------------------------------
source = FeatureMap((1, 6, 6), "x : 1")
target = FeatureMap((2, 4, 4), "u : 1\ny : 1")
conv = ConvSynapses(
    source,
    target,
    """
    w : 1
    u_post = w*x_pre : 1 (summed)
    coincidence = y_post*x_pre : 1 (summed)
    deligibility/dt = (coincidence - eligibility)/tau : 1 (clock-driven)
    reward : 1 (shared)
    """,
    update="w += 0.1*reward*eligibility",
    kernel_size=3,
    method="exact",
    namespace={"tau": 2 * ms},
)
source.x, target.y = "rand()", "rand()"
simulation = Network(source, target, conv)
simulation.run(10 * ms)  # activity leaves a trace, no reward: no change
assert not conv.w[:].any()
assert (conv.eligibility[:] > 0).all()
conv.reward = 1  # the reward comes late and finds the trace
simulation.run(defaultclock.dt)
print("change per kernel element after the reward:", conv.w[:].mean().round(3))
assert np.allclose(conv.w, 0.1 * conv.eligibility)
