"""SoftHebb's layers against its update written in torch (Journé et al. 2023, their published code).

Batch normalisation, reflect padding, signed softmax, changes divided by the largest, rates of each
filter, powers of the triangle and overlapping pooling, all in one.
"""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from conftest import choose_target

from hebbsim import StoredImages, load_dataset, rules
from hebbsim.bridge.torch_export import to_torch
from hebbsim.bridge.torch_import import from_torch
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork

SHAPE, BATCH = (3, 8, 9), 4
ETA, POWERS, TEMPERATURES = (0.08, 0.005), (0.7, 1.4), (1.0, 0.65)
LAYER = {
    "padding": 1,
    "padding_mode": "reflect",
    "activity": "signed_softmax",
    "standardize": False,
    "batch_norm": True,
    "normalize": None,
    "norm": 5.0,
    "pool_stride": 2,
}
LAYERS = [
    ConvLayer(
        6,
        (3, 2),
        rules.SoftHebb(ETA[0]),
        temperature=1 / TEMPERATURES[0],
        power=POWERS[0],
        pooling="max",
        pool_size=4,
        pool_padding=1,
        **LAYER,
    ),
    ConvLayer(
        5,
        3,
        rules.SoftHebb(ETA[1]),
        temperature=1 / TEMPERATURES[1],
        power=POWERS[1],
        pooling="average",
        pool_size=2,
        **LAYER,
    ),
]


class InTorch:
    """The layers of `LAYERS`, one batch a step, all at once."""

    def __init__(self, kernels):
        self.kernels = [torch.tensor(kernel) for kernel in kernels]
        channels = [kernel.shape[1] for kernel in kernels]
        self.norms = [torch.nn.BatchNorm2d(n, affine=False).double() for n in channels]

    def step(self, x, learning=(True, True)):
        for n, norm in enumerate(self.norms):
            norm.train(learning[n])
            w = self.kernels[n]
            x = F.pad(norm(x), (1, 1, 1, 1), "reflect")
            u = F.conv2d(x, w)
            if learning[n]:
                self.kernels[n] = w + self.change(x, u, w, n)
            x = F.relu(u - u.mean(1, keepdim=True)) ** POWERS[n]
            x = F.max_pool2d(x, 4, 2, 1) if n == 0 else F.avg_pool2d(x, 2, 2)
        return x

    def change(self, x, u, w, n):
        y = -torch.softmax(TEMPERATURES[n] * u, 1)
        best = u.argmax(1, keepdim=True)
        y = y.scatter(1, best, -y.gather(1, best))
        patches = F.unfold(x, w.shape[2:]).transpose(1, 2).reshape(-1, w[0].numel())
        y, u = (of.permute(0, 2, 3, 1).reshape(-1, len(w)) for of in (y, u))
        dw = (y.T @ patches - (y * u).sum(0)[:, None] * w.flatten(1)).view_as(w)
        norm = w.flatten(1).norm(dim=1)
        rate = ETA[n] * ((norm - 1).abs() + 1e-10) ** 0.5
        return rate[:, None, None, None] * dw / (dw.abs().max() + 1e-30)


@pytest.fixture
def shown():
    return np.random.default_rng(0).random((12, *SHAPE))


def assert_equals(network, torchs, shown):
    for stage, kernel in zip(network.stages, torchs.kernels, strict=True):
        np.testing.assert_allclose(stage.conv.get_kernel("w"), kernel.numpy(), rtol=0, atol=1e-10)
        assert kernel.abs().max() > 0.1
    found = network.transform(shown)
    expected = torchs.step(torch.tensor(shown), learning=(False, False))
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-10)
    assert found.max() > 0.01


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"])
def test_three_steps_are_torchs(target, shown, tmp_path):
    choose_target(target, tmp_path)
    network = ConvNetwork(SHAPE, LAYERS, batch_size=BATCH)
    start = [stage.conv.get_kernel("w") for stage in network.stages]
    for kernel in start:
        norms = np.sqrt((kernel**2).sum((1, 2, 3)))
        assert 3 < norms.mean() < 7  # about that of the declaration, and none normalised to it
        assert np.ptp(norms) > 0.1
    torchs = InTorch(start)
    network.fit(shown, shuffle=False, progress=False)
    for batch in range(3):
        torchs.step(torch.tensor(shown[BATCH * batch : BATCH * (batch + 1)]))
    assert_equals(network, torchs, shown)
    # a layer at rest normalises by its running values, and keeps them
    network.fit(shown[:BATCH], layers=[1], shuffle=False, progress=False)
    torchs.step(torch.tensor(shown[:BATCH]), learning=(False, True))
    assert_equals(network, torchs, shown)
    copied = copy.deepcopy(network)
    np.testing.assert_array_equal(copied.transform(shown), network.transform(shown))
    module = to_torch(network)
    assert [n for n, _ in module.named_children()][:2] == ["norm1", "conv1"]
    exported = module(torch.tensor(shown)).numpy()
    np.testing.assert_allclose(exported, network.transform(shown), rtol=0, atol=1e-10)
    back = from_torch(module)
    assert back.layers == network.layers
    np.testing.assert_array_equal(back.transform(shown), network.transform(shown))
    with pytest.raises(ValueError, match=r"'norm1' .*expected evaluation mode.*module.eval\(\)"):
        from_torch(module.train())


@pytest.mark.parametrize("target", ["cpp_standalone"])
def test_images_stored_in_a_program_are_learned_from(target, shown, tmp_path):
    choose_target(target, tmp_path)
    network = ConvNetwork(SHAPE, LAYERS[:1], batch_size=BATCH)
    torchs = InTorch([network.stages[0].conv.get_kernel("w")])
    StoredImages(network.input, shown)
    network.brian2.run(3 * network.clock.dt)
    for batch in range(3):
        torchs.step(torch.tensor(shown[BATCH * batch : BATCH * (batch + 1)]))
    found = network.stages[0].conv.get_kernel("w")
    np.testing.assert_allclose(found, torchs.kernels[0].numpy(), rtol=0, atol=1e-10)


def test_norms_approach_one_and_checkpoints_keep_the_running_values(tmp_path):
    images = load_dataset("digits").train_images[:400]
    layer = ConvLayer(8, 3, rules.SoftHebb(0.2), **{**LAYER, "pool_stride": None, "norm": 3.0})
    networks = [ConvNetwork((1, 8, 8), [layer], batch_size=10) for _ in range(2)]
    norms = [np.sqrt((networks[0].stages[0].conv.get_kernel("w") ** 2).sum((1, 2, 3)))]
    how = {"epochs": 2, "progress": False}
    networks[0].fit(images, checkpoint=tmp_path / "state.npz", **how)
    norms.append(np.sqrt((networks[0].stages[0].conv.get_kernel("w") ** 2).sum((1, 2, 3))))
    assert np.abs(norms[1] - 1).mean() < 0.2 * np.abs(norms[0] - 1).mean()
    networks[1].fit(images, checkpoint=tmp_path / "state.npz", resume=True, **how)
    one, other = (network.transform(images[:20]) for network in networks)
    np.testing.assert_array_equal(one, other)
    assert one.std() > 0
