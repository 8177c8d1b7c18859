"""
4. Comparing rules and exporting
================================

What is a rule worth? Train the same network with several rules and seeds, read every layer out, and
compare with random kernels. Then take the best to torch.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from hebbsim import ConvLayer, ConvNetwork, decode, from_torch, load_dataset, rules, to_torch
from hebbsim.bridge.weights import save_weights
from hebbsim.data.dataset import as_float
from hebbsim.data.filters import standardize
from hebbsim.data.zca import ZCA

digits = load_dataset("digits")

# %%
# The command
# -----------
# On the command line, this is one line, and writes a folder with a table, figures, weights, a
# report to look at, and the settings that reproduce it::
#
#     hebbsim compare --rules hebb,instar,oja --seeds 3
#     hebbsim compare --data fashion-mnist --data-root FOLDER --channels 32,64
#
# ``hebbsim compare --help`` lists the options. What follows is the same by hand, for a rule that
# the command doesn't know.

# %%
# A comparison by hand
# --------------------
# Three rules and random kernels, the same architecture, three seeds. Each seed draws the initial
# kernels and the order of the images. Without a rule a layer keeps its initial kernels, but its
# thresholds adapt all the same, so that the kernels are all that differs. The images are whitened
# first, by what the training images alone tell.

whitening = ZCA(1.0)
train = whitening.fit_transform(standardize(as_float(digits.train_images)))
test = whitening.transform(standardize(as_float(digits.test_images)))

own = rules.Rule(
    learning_rate="1/n_shared",
    equations="dw = y_post*x_pre - 0.5*w*y_post : 1 (summed)",
)
candidates = {
    "random": None,
    "Instar": rules.Instar("1/n_shared"),
    "Oja": rules.Oja("1/n_shared"),
    "our own": own,
}


def build(rule: rules.Rule | None, seed: int) -> ConvNetwork:
    """Return a network of one layer."""
    layer = ConvLayer(
        16, kernel_size=6, rule=rule, activity="graded", threshold_step=1.0, output="triangle"
    )
    return ConvNetwork((1, 8, 8), [layer], batch_size=50, seed=seed)


def accuracy(network: ConvNetwork) -> float:
    """Return the test accuracy of a linear read-out."""
    return decode(
        network.transform(train), digits.train_labels, network.transform(test), digits.test_labels
    )


found: dict[str, list[float]] = {}
for name, rule in candidates.items():
    for seed in range(3):
        network = build(rule, seed)
        network.fit(train, epochs=5, progress=False)
        found.setdefault(name, []).append(100 * accuracy(network))
    print(f"{name:8} {np.mean(found[name]):.2f} ± {np.std(found[name], ddof=1):.2f} %")

# %%
# Instar and Oja differ only in how much of the weight itself they subtract, which the norm, held at
# 1, nearly undoes. Draw each seed, not the mean alone: three seeds are few, and a difference that
# is smaller than their spread is none.

figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
for place, values in enumerate(found.values()):
    axis.plot([place] * len(values), values, "o", color="#0072B2", alpha=0.6)
    axis.plot(place, np.mean(values), "_", color="black", markersize=22)
axis.set_xticks(range(len(found)), found)
axis.set(ylabel="test accuracy (%)", xlim=(-0.5, len(found) - 0.5))

# %%
# To torch
# --------
# `to_torch` returns a module of torch's own layers with the same forward map; `from_torch` goes
# back. Data are in the same order, channels first.

module = to_torch(network)
print(module)
dtype = next(module.parameters()).dtype
with torch.no_grad():
    exported = module(torch.as_tensor(test, dtype=dtype)).numpy()
simulated = network.transform(test)
print("largest difference:", np.abs(exported - simulated).max())
assert np.allclose(exported, simulated, atol=1e-5 * np.abs(simulated).max())

# %%
# Kernels go to disk as a ``state_dict`` and as safetensors, with the network's description beside:

with tempfile.TemporaryDirectory() as folder:
    save_weights(network, Path(folder, "digits"))
    print(*sorted(path.name for path in Path(folder).iterdir()))

again = from_torch(module)
assert np.allclose(again.stages[0].conv.get_kernel("w"), network.stages[0].conv.get_kernel("w"))
