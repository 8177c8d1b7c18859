"""Export learned kernels to torch, and decode their features there.

The exported module is made of torch's own layers where they exist, computes what the simulation
computes, and is saved as a `state_dict` and as safetensors with the network's description beside.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from hebbsim import ConvLayer, ConvNetwork, decode, from_torch, load_dataset, rules, to_torch
from hebbsim.bridge.weights import save_weights

digits = load_dataset("digits")
layer = ConvLayer(
    16,
    kernel_size=5,
    padding=2,
    rule=rules.Oja("10/n_shared"),
    threshold_step=0.3,
    pooling="average",
)
network = ConvNetwork((1, 8, 8), [layer], batch_size=50, seed=0)
network.fit(digits.train_images, epochs=5, burn_in=10, progress=False)

module = to_torch(network)
print(module)
with torch.no_grad():
    dtype = next(module.parameters()).dtype
    train = module(torch.as_tensor(digits.train_images, dtype=dtype)).numpy()
    test = module(torch.as_tensor(digits.test_images, dtype=dtype)).numpy()
simulated = network.transform(digits.test_images)
print("largest difference to the simulation:", np.abs(test - simulated).max())
assert np.allclose(test, simulated, atol=1e-5 * np.abs(simulated).max())

accuracy = decode(train, digits.train_labels, test, digits.test_labels)
print(f"accuracy of a linear read-out on the test split: {accuracy:.3f}")

figure, axis = plt.subplots(figsize=(3.6, 3.4), layout="constrained")
axis.plot(simulated.ravel()[:5000], test.ravel()[:5000], ".", markersize=2)
axis.set(xlabel="simulated features", ylabel="features in torch", aspect="equal")
figure.savefig("torch_export.png", dpi=150)

save_weights(network, "digits_oja", overwrite=True)  # .pt, .safetensors and .json
again = from_torch(module)
assert np.allclose(again.stages[0].conv.get_kernel("w"), network.stages[0].conv.get_kernel("w"))
