"""What a torch module really computes: hooks, pruning, parametrizations, wrappers."""

import copy

import numpy as np
import pytest
import torch
from bridge_cases import LAYERS, assert_equal_state, assert_same_as_torch, build, conv, randomize
from torch import distributed, nn
from torch.nn.utils import parametrizations, parametrize, prune

from hebbsim.bridge.torch_export import to_torch
from hebbsim.bridge.torch_import import from_torch
from hebbsim.bridge.torch_modules import LocallyConnected2d

pytestmark = pytest.mark.usefixtures("numpy_target")

IN_SHAPE = (2, 7, 6)


def layer(seed=0):
    return randomize(nn.Conv2d(2, 4, (3, 2), padding=(0, 1), dtype=torch.float64), seed)


def old_weight_norm(module):
    with pytest.warns(FutureWarning, match="weight_norm"):
        return nn.utils.weight_norm(module)


def pruned(module):
    prune.random_unstructured(module, "weight", 0.4)
    prune.ln_structured(module, "weight", 1, n=2, dim=0)
    prune.l1_unstructured(module, "bias", 2)
    return module


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


def doubled(module, name="weight"):
    parametrize.register_parametrization(module, name, Doubled())
    return module


EFFECTIVE = {
    "weight norm": old_weight_norm,
    "spectral norm": nn.utils.spectral_norm,
    "pruned": pruned,
    "pruned weight norm": lambda module: prune_original(parametrizations.weight_norm(module)),
    "parametrized weight norm": parametrizations.weight_norm,
    "parametrized spectral norm": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
    "parametrized twice": lambda module: doubled(parametrizations.spectral_norm(module)),
    "parametrized bias": lambda module: doubled(module, "bias"),
    "parametrized and pruned bias": lambda module: doubled(pruned_bias(module)),
}


def pruned_bias(module):
    prune.l1_unstructured(module, "bias", 2)
    return module


def prune_original(module):
    prune.l1_unstructured(module.parametrizations.weight, "original1", 0.3)
    return module


@pytest.mark.parametrize("change", EFFECTIVE.values(), ids=EFFECTIVE)
@pytest.mark.parametrize("within", [False, True], ids=["alone", "within"])
def test_weights_that_a_forward_pass_computes(change, within):
    module, other = change(layer(0)), change(layer(1))
    # what was learned or loaded since is not yet in `weight`
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), other.parameters(), strict=True):
            parameter.copy_(value)
    whole = nn.Sequential(module, nn.ReLU()) if within else module
    before = copy.deepcopy(module.state_dict())
    stale = dict(vars(module))
    assert_same_as_torch(whole.eval(), IN_SHAPE)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert stale.keys() == vars(module).keys()


def test_reading_leaves_the_module_alone():
    module = pruned(layer())
    stale = module.weight
    with torch.no_grad():
        module.weight_orig.mul_(3)
    from_torch(module, IN_SHAPE)
    assert module.weight is stale


def test_pruning_after_a_step_of_learning():
    module = pruned(layer())
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    module(torch.ones(1, *IN_SHAPE, dtype=torch.float64)).square().sum().backward()
    optimizer.step()
    assert_same_as_torch(module, IN_SHAPE)


def test_pruned_exports_come_back(network):
    module = to_torch(network)
    prune.l1_unstructured(module.conv1, "weight", 0.5)
    back = from_torch(module)
    assert back.layers == network.layers
    kernel = back.stages[0].conv.get_kernel("w")
    assert (kernel == 0).mean() == 0.5
    assert torch.equal(to_torch(back).conv1.weight, module.conv1.weight)


def test_parametrized_exports_come_back(network):
    module = to_torch(network)
    doubled(module.conv1)
    expected = 2 * np.asarray(network.stages[0].conv.get_kernel("w"))
    back = from_torch(module.eval())
    np.testing.assert_array_equal(back.stages[0].conv.get_kernel("w"), expected)


class Random(nn.Module):
    def forward(self, weight):
        return weight * torch.rand(())


class Own(nn.Conv2d):
    def forward(self, x):
        return -super().forward(x)


class OwnSequence(nn.Sequential):
    def forward(self, x):
        return super().forward(x).square()


class Backwards(nn.Sequential):
    def __iter__(self):
        return reversed(list(super().__iter__()))


def random_weight():
    module = conv(2)
    parametrize.register_parametrization(module, "weight", Random())
    return module.eval()


def hooked(module, register="register_forward_hook", hook=lambda *_: None):
    getattr(module, register)(hook)
    return module


def replaced(module, name, method=lambda *_: None):
    setattr(module, name, method)
    return module


def reshaped(module, **values):
    for name, value in values.items():
        setattr(module, name, value)
    return module


REFUSED = {
    "forward hook": (lambda: hooked(conv(2)), r"^from_torch: Conv2d.*a forward hook,.*remove\(\)"),
    "hook within": (
        lambda: nn.Sequential(conv(2), hooked(nn.ReLU())),
        r"module '1' \(ReLU\(\)\) has a forward hook",
    ),
    "pre-hook": (
        lambda: nn.Sequential(hooked(conv(2), "register_forward_pre_hook")),
        r"module '0' .*forward pre-hook",
    ),
    "hook with keywords": (
        lambda: replaced_hook(conv(2)),
        r"forward hook, test_.*|forward hook, .*lambda",
    ),
    "pre-hook of a container": (
        lambda: nn.Sequential(nn.Sequential(conv(2)), hooked(nn.Sequential(conv(2)))),
        r"module '1' \(Sequential\) has a forward hook",
    ),
    "hook of a wrapper": (
        lambda: hooked(nn.DataParallel(nn.Sequential(conv(2)))),
        r"DataParallel has a forward hook",
    ),
    "pruned and hooked": (
        lambda: hooked(pruned(layer()), "register_forward_pre_hook"),
        r"forward pre-hook",
    ),
    "own forward": (
        lambda: nn.Sequential(replaced(conv(2), "forward")),
        r"'0' .*has a forward of its own.*del module.forward",
    ),
    "own method": (lambda: replaced(conv(2), "_conv_forward"), r"has a _conv_forward of its own"),
    "own forward of a container": (
        lambda: replaced(nn.Sequential(conv(2)), "forward"),
        r"Sequential has a forward of its own",
    ),
    "own forward of a wrapper": (
        lambda: replaced(nn.DataParallel(conv(2)), "forward"),
        r"DataParallel has a forward of its own",
    ),
    "subclass": (
        lambda: nn.Sequential(Own(2, 3, 3)),
        r"'0' \(Own.*expected Conv2d itself, got a subclass.*put a Conv2d",
    ),
    "subclass of a container": (lambda: OwnSequence(conv(2)), r"OwnSequence has no counterpart"),
    "order of a container": (lambda: Backwards(conv(2)), r"Backwards has no counterpart"),
    "parametrized subclass": (lambda: doubled(Own(2, 3, 3)).eval(), r"Own.*expected Conv2d itself"),
    "spectral norm in training": (
        lambda: nn.utils.spectral_norm(conv(2)),
        r"spectral norm and is in training mode.*module.eval\(\)",
    ),
    "parametrized in training": (
        lambda: nn.Sequential(parametrizations.spectral_norm(conv(2))),
        r"'0' .*'weight' is parametrized by _SpectralNorm and in training.*remove_parametriz",
    ),
    "random weight": (random_weight, r"'weight' is parametrized and differs from one reading"),
    "lazy": (lambda: nn.LazyConv2d(3, 3), r"LazyConv2d.* no parameters yet.*run the module once"),
    "lazy within": (
        lambda: nn.Sequential(conv(2), nn.LazyBatchNorm2d()),
        r"'1' \(LazyBatchNorm2d.* no parameters yet",
    ),
    "meta": (
        lambda: nn.Sequential(conv(2, device="meta")),
        r"'0.weight' is on the device 'meta'.*assign=True",
    ),
    "meta bias": (
        lambda: reshaped(layer(), bias=nn.Parameter(torch.ones(4, device="meta"))),
        r"'bias' is on the device 'meta'",
    ),
    "8 bits": (
        lambda: conv(2).to(torch.float8_e4m3fn),
        r"expected real kernels, got torch.float8_e4m3fn in 'weight'; convert",
    ),
    "complex bias": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3, dtype=torch.complex128)),
        r"real kernels, got torch.complex128 in '0.weight'",
    ),
    "sparse": (
        lambda: reshaped(conv(2), weight=nn.Parameter(torch.ones(2, 2, 3, 3).to_sparse())),
        r"dense torch tensors, got 'weight' .*sparse",
    ),
    "quantised": (
        lambda: nn.Sequential(torch.ao.nn.quantized.Conv2d(2, 3, 3)),
        r"'0' \(Conv2d.* has no counterpart.*got a torch.ao.nn.quantized",
    ),
    "scripted": (
        lambda: torch.jit.script(nn.Sequential(conv(2))),
        r"RecursiveScriptModule.* has no counterpart",
    ),
    "other shape": (
        lambda: nn.Sequential(reshaped(conv(2), weight=nn.Parameter(torch.ones(2, 2, 5, 5)))),
        r"'0' .*expected 'weight' of shape \(2, 2, 3, 3\), as its settings say, got \(2, 2, 5, 5",
    ),
    "other bias": (
        lambda: reshaped(conv(2), bias=nn.Parameter(torch.ones(1))),
        r"expected 'bias' of shape \(2,\).*got \(1,\)",
    ),
    "infinite bias": (
        lambda: reshaped(conv(2), bias=nn.Parameter(torch.tensor([1.0, torch.inf]))),
        r"expected finite values in 'bias'",
    ),
    "list of modules": (lambda: nn.ModuleList([conv(2)]), r"ModuleList has no counterpart"),
}


def replaced_hook(module):
    module.register_forward_hook(lambda *_, **__: None, with_kwargs=True, always_call=True)
    return module


@pytest.mark.filterwarnings("ignore:.*deprecated")
@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_what_its_class_computes(make, message):
    with pytest.raises(ValueError, match=message):
        from_torch(make(), IN_SHAPE)


@pytest.mark.parametrize("register", ["forward_hook", "forward_pre_hook"])
def test_hooks_of_all_modules(register):
    handle = getattr(nn.modules.module, f"register_module_{register}")(lambda *_: None)
    try:
        with pytest.raises(ValueError, match=r"Conv2d.* has a forward (pre-)?hook"):
            from_torch(layer(), IN_SHAPE)
    finally:
        handle.remove()
    assert_same_as_torch(layer(), IN_SHAPE)


def test_removing_what_was_refused():
    module = layer()
    handle = module.register_forward_hook(lambda module, args, out: 2 * out)
    with pytest.raises(ValueError, match=r"a forward hook"):
        from_torch(module, IN_SHAPE)
    handle.remove()
    assert_same_as_torch(module, IN_SHAPE)
    module.forward = lambda x: x
    with pytest.raises(ValueError, match=r"del module.forward"):
        from_torch(module, IN_SHAPE)
    del module.forward
    assert_same_as_torch(module, IN_SHAPE)


def test_hooks_on_exported_modules(network):
    module = to_torch(network)
    module.pool1.register_forward_hook(lambda *_: None)
    with pytest.raises(ValueError, match=r"module 'pool1' .*forward hook"):
        from_torch(module)


class Block(nn.Sequential):
    def __init__(self, channels):
        super().__init__(nn.Conv2d(channels, 3, 2), nn.ReLU())


def shared():
    one = nn.Conv2d(2, 2, (1, 2))
    return nn.Sequential(one, nn.ReLU(), one, one)


def tied():
    first, second = nn.Conv2d(2, 2, 2), nn.Conv2d(2, 2, 2, stride=2)
    second.weight = first.weight
    return nn.Sequential(first, nn.ReLU(), second)


def by_hand():
    """Return a convolution whose weight is no parameter any more."""
    module = nn.Conv2d(2, 3, 2)
    weight = module.weight.detach().clone()
    del module.weight
    module.register_buffer("weight", weight)
    return module


FOLLOWED = {
    "own block": lambda: nn.Sequential(Block(2), Block(3)),
    "nested": lambda: nn.Sequential(nn.Sequential(nn.Sequential(Block(2)), nn.Identity())),
    "shared": shared,
    "tied": tied,
    "by hand": by_hand,
    "fused": lambda: torch.ao.nn.intrinsic.ConvReLU2d(nn.Conv2d(2, 3, 2), nn.ReLU()),
    "data parallel": lambda: nn.DataParallel(nn.Sequential(nn.Conv2d(2, 3, 2), nn.ReLU())),
    "data parallel alone": lambda: nn.DataParallel(nn.Conv2d(2, 3, 2)),
    "data parallel within": lambda: nn.Sequential(
        nn.DataParallel(nn.Sequential(Block(2))), nn.MaxPool2d(2)
    ),
    "averaged": lambda: torch.optim.swa_utils.AveragedModel(Block(2)),
    "compiled": lambda: torch.compile(Block(2), backend="eager"),
    "channels last": lambda: Block(2).to(memory_format=torch.channels_last),
    "mutated": lambda: reshaped(Block(2)[0], stride=2, padding=1, dilation=2, kernel_size=2),
    "local": lambda: LocallyConnected2d(IN_SHAPE, 4, (3, 2), stride=(1, 2), padding=1, groups=2),
}


@pytest.mark.filterwarnings("ignore:.*deprecated")
@pytest.mark.parametrize("make", FOLLOWED.values(), ids=FOLLOWED)
def test_what_is_followed(make, dtype):
    assert_same_as_torch(randomize(make()), IN_SHAPE)


def test_distributed_data_parallel():
    store = distributed.HashStore()
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        module = randomize(nn.Sequential(Block(2), nn.BatchNorm2d(3))).double()
        wrapped = nn.parallel.DistributedDataParallel(module).eval()
        images = torch.rand(2, *IN_SHAPE, dtype=torch.float64)
        network = from_torch(wrapped, IN_SHAPE)
        found = network.transform(images.float().numpy())
        expected = wrapped(images.float().double()).detach().numpy()
        np.testing.assert_allclose(found, expected, atol=1e-12)
        assert np.abs(expected).max() > 0.1
    finally:
        distributed.destroy_process_group()


def test_a_wrapped_export_comes_back_with_its_description(network):
    module = to_torch(network)
    back = from_torch(nn.DataParallel(module))
    assert back.describe() == network.describe()
    assert_equal_state(to_torch(back), module)


def test_weights_of_16_bits_keep_their_values():
    for kind in (torch.float16, torch.bfloat16):
        module = randomize(nn.Sequential(nn.Conv2d(2, 3, 2), nn.ReLU())).to(kind)
        back = to_torch(from_torch(module, IN_SHAPE)).state_dict()
        for name, tensor in zip(("conv1.weight", "conv1.bias"), module.parameters(), strict=True):
            assert torch.equal(back[name], tensor.double())


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_lazy_modules_that_have_run():
    module = nn.Sequential(nn.LazyConv2d(3, 2), nn.LazyBatchNorm2d()).double()
    module(torch.rand(4, *IN_SHAPE, dtype=torch.float64))
    assert_same_as_torch(module.eval(), IN_SHAPE)


def test_a_network_from_a_pruned_wrapped_export_learns_from_the_same_rules():
    network = build((2, 9, 14), LAYERS[:1])
    module = to_torch(network)
    prune.l1_unstructured(module.conv1, "bias", 1)
    back = from_torch(nn.DataParallel(module))
    assert back.layers[0].rule == LAYERS[0].rule
    assert (back.stages[0].thresholds == 0).sum() == 1
