"""Oriented receptive fields from natural photographs.

A convolutional layer with instar learning and winner-take-all competition sees whitened patches of
scikit-learn's two sample photographs. Its kernels become oriented edge detectors, as in primary
visual cortex; random kernels have no orientation.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images

from hebbsim import ConvLayer, ConvNetwork, rules
from hebbsim.data.filters import difference_of_gaussians

PATCH = 24


def photographs(n_patches: int, seed: int = 0) -> np.ndarray:
    """Cut grey patches, ``(n, 1, 24, 24)``, filtered as retina and thalamus do."""
    rng = np.random.default_rng(seed)
    patches = []
    for photo in load_sample_images().images:
        grey = photo.mean(axis=2, dtype=np.float64)[None, None] / 255
        filtered = difference_of_gaussians(np.log(grey + 0.05), 1.0, 3.0)[0, 0]
        filtered /= filtered.std()
        rows, cols = (rng.integers(0, n - PATCH, n_patches // 2) for n in filtered.shape)
        patches += [filtered[r : r + PATCH, c : c + PATCH] for r, c in zip(rows, cols, strict=True)]
    return np.stack(patches)[:, None]


def orientation_selectivity(kernels: np.ndarray) -> np.ndarray:
    """Return ``|sum R exp(2i phi)| / sum R`` of each kernel, ``(n, rows, cols)``.

    ``R(phi)`` is the largest response to a grating of orientation ``phi`` over its spatial
    frequencies and phases.
    """
    size = kernels.shape[-1]
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    angles = np.linspace(0, np.pi, 18, endpoint=False)
    response = np.zeros((len(kernels), len(angles)))
    for column, angle in enumerate(angles):
        along = x * np.cos(angle) + y * np.sin(angle)
        for frequency in np.linspace(0.08, 0.3, 8):
            wave = np.exp(2j * np.pi * frequency * along)
            found = np.abs(np.einsum("nrc,rc->n", kernels, wave - wave.mean()))
            response[:, column] = np.maximum(response[:, column], found)
    return np.abs(response @ np.exp(2j * angles)) / response.sum(axis=1)


def main() -> None:
    """Learn, measure and draw."""
    layer = ConvLayer(
        32, kernel_size=9, rule=rules.Instar("5/n_shared"), threshold_step=0.3, standardize=False
    )
    network = ConvNetwork((1, PATCH, PATCH), [layer], batch_size=50, seed=0)
    conv = network.stages[0].conv
    before = orientation_selectivity(conv.get_kernel("w")[:, 0])
    network.fit(photographs(10_000), epochs=5, burn_in=20)
    kernels = conv.get_kernel("w")[:, 0]
    after = orientation_selectivity(kernels)
    print(
        f"orientation selectivity, median: {np.median(before):.2f} before learning, "
        f"{np.median(after):.2f} after"
    )
    assert np.median(after) > 2 * np.median(before)

    figure, axes = plt.subplots(4, 8, figsize=(8, 4.2), layout="constrained")
    for axis, kernel in zip(axes.flat, kernels[np.argsort(-after)], strict=True):
        axis.imshow(kernel, cmap="gray", vmin=-abs(kernel).max(), vmax=abs(kernel).max())
        axis.set_axis_off()
    figure.suptitle("Kernels learned from photographs, most oriented first")
    figure.savefig("receptive_fields.png", dpi=150)


if __name__ == "__main__":
    main()
