"""A first script: a convolution learns strokes from handwritten digits.

The plasticity is one line of Brian2 equations; each kernel element sums over every position and
sample that shares it.
"""

import matplotlib.pyplot as plt
import numpy as np
from brian2 import defaultclock, run, seed

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
images = load_dataset("digits").train_images  # (n, 1, 8, 8), from 0 to 1
shape = conv_output_shape((1, 8, 8), out_channels=16, kernel_size=5)

retina = FeatureMap((1, 8, 8), "x : 1", batch_size=50)
layer = FeatureMap(shape, "u : 1\ny : 1", batch_size=50)
conv = ConvSynapses(
    retina,
    layer,
    """
    w : 1                                          # one value for each kernel element
    u_post = w*x_pre : 1 (summed)                  # convolution
    dw = y_post*(x_pre - w) : 1 (summed)           # Grossberg's instar
    """,
    update="w += 0.002*dw",
    kernel_size=5,
)
conv.w = "0.1*randn()"
threshold = AdaptiveThreshold(layer, target_rate=1 / 16, step=0.5)  # nobody wins for ever
winners = WinnerTakeAll(layer, source="u - theta", target="y", k=1)
order = np.random.randint(len(images), size=50_000)
StoredImages(retina, images, value="pixel - 0.3", order=order)  # 50 of them in each time step

run(1000 * defaultclock.dt)

kernels = conv.get_kernel("w")[:, 0]  # (16, 5, 5)
print("win rate of each channel:", np.round(threshold.win_rate[:], 3))
figure, axes = plt.subplots(2, 8, figsize=(8, 2.2))
for axis, kernel in zip(axes.flat, kernels, strict=True):
    axis.imshow(kernel, cmap="RdBu_r", vmin=-0.7, vmax=0.7)
    axis.set_axis_off()
figure.savefig("first_script.png", dpi=150)
