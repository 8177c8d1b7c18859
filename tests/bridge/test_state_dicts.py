"""State dicts of any device, from modules wrapped or not."""

import pytest
import safetensors.torch
import torch
from bridge_cases import assert_equal_state, assert_same_as_torch, build, randomize
from torch import nn
from torch.nn.utils import parametrizations

from hebbsim.bridge.state_dicts import WeightsError, load_state_dict
from hebbsim.bridge.torch_export import to_torch
from hebbsim.bridge.torch_import import from_torch
from hebbsim.bridge.weights import load_network, load_weights, save_weights
from hebbsim.networks.conv_layer import ConvLayer

pytestmark = pytest.mark.usefixtures("numpy_target")


def module(seed):
    return randomize(nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.ReLU()), seed)


@pytest.fixture
def saved_on_gpu(monkeypatch):
    """Mark tensors in files as those of a GPU, which only where they are loaded to differs in."""
    if torch.cuda.is_available():
        pytest.skip("a file of a GPU loads on one")

    def save(content, path):
        with monkeypatch.context() as patched:
            patched.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
            torch.save(content, path)
        with pytest.raises(RuntimeError, match="CUDA"):
            torch.load(path, weights_only=True)

    return save


@pytest.mark.parametrize("wrap", [lambda m: m, nn.DataParallel], ids=["plain", "wrapped"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "_orig_mod.module."])
def test_prefixes_of_wrappers(prefix, wrap):
    trained = module(1)
    state = {prefix + name: tensor for name, tensor in trained.state_dict().items()}
    target = wrap(module(0))
    assert load_state_dict(target, state) is target
    assert_equal_state(getattr(target, "module", target), trained)


def test_a_layer_named_module_is_no_prefix():
    trained, target = (nn.Sequential() for _ in range(2))
    trained.add_module("module", nn.Conv2d(2, 3, 2))
    target.add_module("module", nn.Conv2d(2, 3, 2))
    load_state_dict(target, trained.state_dict())
    assert_equal_state(target, trained)
    load_state_dict(target, nn.DataParallel(trained).state_dict())
    assert_equal_state(target, trained)


@pytest.mark.parametrize("wrap", [lambda m: m, nn.DataParallel], ids=["plain", "wrapped"])
def test_a_file_from_a_gpu(saved_on_gpu, tmp_path, wrap):
    trained = module(1)
    saved_on_gpu(wrap(trained).state_dict(), tmp_path / "trained.pt")
    target = load_state_dict(module(0), tmp_path / "trained.pt")
    assert_equal_state(target, trained)
    assert_same_as_torch(target.eval(), (2, 5, 5))


def test_other_files(tmp_path):
    trained = module(1)
    safetensors.torch.save_file(trained.state_dict(), tmp_path / "net.safetensors")
    torch.save(trained.state_dict(), tmp_path / "net.pth", _use_new_zipfile_serialization=False)
    for name in ("net.safetensors", "net.pth"):
        assert_equal_state(load_state_dict(module(0), str(tmp_path / name)), trained)


def test_weights_that_were_trained_on_go_back(saved_on_gpu, tmp_path):
    network = build((2, 6, 6), [ConvLayer(4, 3, bias=True)])
    save_weights(network, tmp_path / "net")
    trained = randomize(load_weights(tmp_path / "net"))
    saved_on_gpu(nn.DataParallel(trained).state_dict(), tmp_path / "net.pt")
    with pytest.raises(WeightsError, match=r"checksum differs.*load_state_dict"):
        load_weights(tmp_path / "net.pt")
    target = load_state_dict(load_weights(tmp_path / "net"), tmp_path / "net.pt")
    back = from_torch(target)
    assert back.layers == network.layers
    assert_equal_state(to_torch(back), trained)


def test_saved_weights_marked_as_those_of_a_gpu(monkeypatch, tmp_path):
    network = build((2, 6, 6), [ConvLayer(4, 3, bias=True), ConvLayer(2, 2, threshold_step=0.1)])
    network.brian2["bias1"].bias = "i + 1"
    with monkeypatch.context() as patched:
        patched.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        pt, *_ = save_weights(network, tmp_path / "net")
    for path in (pt, tmp_path / "net"):
        assert_equal_state(load_weights(path), to_torch(network))
        back = load_network(path)
        assert back.describe() == network.describe()
        assert_equal_state(to_torch(back), to_torch(network))


def test_modules_without_memory_take_the_tensors():
    trained = module(1)
    with torch.device("meta"):
        target = nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.ReLU())
    assert_equal_state(load_state_dict(target, trained.state_dict()), trained)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_lazy_and_parametrized_modules():
    for make in (
        lambda: nn.Sequential(nn.LazyConv2d(3, 2)),
        lambda: nn.Sequential(parametrizations.weight_norm(nn.Conv2d(2, 3, 2))),
    ):
        trained = make()
        trained(torch.zeros(1, 2, 4, 4))
        randomize(trained)
        target = load_state_dict(make(), trained.state_dict())
        assert_equal_state(target, trained)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("0.weight"), r"'0.weight' to be real numbers of shape .*, got nothing"),
        (lambda s: s.pop("1.running_var"), r"'1.running_var' to be .*, got nothing"),
        (lambda s: s.update(more=torch.ones(1)), r"'more' to be nothing, got real numbers of sh"),
        (lambda s: s.update({"0.bias": torch.ones(4)}), r"'0.bias' .*\(3,\), got .*\(4,\); load"),
        (
            lambda s: s.update({"0.bias": torch.ones(3, dtype=torch.complex64)}),
            r"'0.bias' to be real numbers of shape \(3,\), got complex",
        ),
        (lambda s: s.update({"module.0.bias": s.pop("0.bias")}), r"'0.bias' .* got nothing"),
        (lambda s: s.clear(), r"'0.weight' .* got nothing"),
        (lambda s: s.update(epoch=3), r"got int under 'epoch'; give module.state_dict\(\) alone"),
    ],
)
def test_state_dicts_that_do_not_fit(tmp_path, change, message):
    state, target = module(1).state_dict(), module(0)
    change(state)
    torch.save(state, tmp_path / "net.pt")
    for source in (state, tmp_path / "net.pt"):
        with pytest.raises(WeightsError, match=message):
            load_state_dict(target, source)
    assert_equal_state(target, module(0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"state_dict": {"0.weight": torch.ones(1)}, "epoch": 3}, r"dict under 'state_dict'; give"),
        ([torch.ones(1)], r"tensors by name, got list; give module.state_dict\(\)"),
        (torch.ones(1), r"tensors by name, got Tensor"),
        (nn.Conv2d(2, 3, 2), r"holds more than tensors.*torch.save\(module.state_dict\(\), path\)"),
    ],
)
def test_files_of_something_else(tmp_path, content, message):
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(WeightsError, match=message):
        load_state_dict(module(0), tmp_path / "net.pt")


@pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
def test_damaged_files(tmp_path, name):
    with pytest.raises(WeightsError, match=rf"{name} can't be read \(No such file.*check its name"):
        load_state_dict(module(0), tmp_path / name)
    (tmp_path / name).write_bytes(b"no tensors")
    with pytest.raises(WeightsError, match=rf"{name} is truncated or damaged"):
        load_state_dict(module(0), tmp_path / name)
