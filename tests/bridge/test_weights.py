"""Weights on disk."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch
from bridge_cases import (
    LAYERS,
    assert_equal_state,
    build,
    conv,
    random_images,
    run,
)

from hebbsim import rules
from hebbsim.bridge.state_dicts import WeightsError
from hebbsim.bridge.torch_export import to_torch
from hebbsim.bridge.weights import (
    _checksum_of_header,
    check_weights,
    load_network,
    load_weights,
    save_weights,
)
from hebbsim.networks.conv_layer import ConvLayer


@pytest.mark.parametrize("name", ["net", "net.v2", "net.json", "net.pt", "new/net.safetensors"])
def test_saved_and_loaded(tmp_path, name):
    network = build((2, 9, 14), LAYERS[:1])
    written = save_weights(network, tmp_path / name)
    assert [path.suffix for path in written] == [".pt", ".safetensors", ".json"]
    assert sorted(written) == sorted((tmp_path / name).parent.iterdir())
    for path in (tmp_path / name, str(tmp_path / name), *written):
        assert_equal_state(load_weights(path), to_torch(network))


def test_a_loaded_network_is_the_saved_one(tmp_path, dtype, network):
    network = build((2, 9, 14), LAYERS, seed=7)
    save_weights(network, tmp_path / "net")
    module, back = load_weights(tmp_path / "net"), load_network(tmp_path / "net")
    assert back.describe() == network.describe()
    assert back.layers == network.layers
    assert module.description == network.describe()
    assert_equal_state(module, to_torch(network))
    assert_equal_state(to_torch(back), module)
    assert json.loads((tmp_path / "net.json").read_text())["dtype"] == np.dtype(dtype).name
    images = random_images(network)
    np.testing.assert_array_equal(run(module, images), run(to_torch(network), images))


def test_other_tools_read_the_files(tmp_path, network):
    pt, tensors, _ = save_weights(network, tmp_path / "net")
    expected = to_torch(network).state_dict()
    for found in (torch.load(pt, weights_only=True), safetensors.torch.load_file(tensors)):
        assert sorted(found) == sorted(expected)
        assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("left", [".pt", ".safetensors", ".json"])
def test_saving_replaces_older_files_when_it_is_told_to(tmp_path, network, left):
    for place in save_weights(network, tmp_path / "net"):
        if place.suffix != left:
            place.unlink()
    before = (tmp_path / f"net{left}").read_bytes()
    other = build((2, 9, 14), LAYERS, seed=8)
    with pytest.raises(FileExistsError, match=rf"net{left}' exists; give overwrite=True"):
        save_weights(other, tmp_path / "net")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]
    save_weights(other, tmp_path / "net", overwrite=True)
    assert_equal_state(load_weights(tmp_path / "net"), to_torch(other))


def test_a_failed_save_changes_nothing(tmp_path, network, monkeypatch):
    save_weights(network, tmp_path / "net")
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    rule = rules.Rule(equations="dw = q*y_post*x_pre : 1 (summed)", constants={"q": np.array(2.0)})
    unnamed = build((1, 4, 4), [ConvLayer(2, 3, rule)])
    with pytest.raises(WeightsError, match=r"what JSON can't.*plain numbers and strings"):
        save_weights(unnamed, tmp_path / "net", overwrite=True)
    other = build((2, 9, 14), LAYERS, seed=8)

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_weights(other, tmp_path / "net", overwrite=True)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_rules_are_not_needed_for_the_module(tmp_path, network):
    *_, header = save_weights(network, tmp_path / "net")
    assert '"Oja"' in header.read_text()
    rewrite(header, ('"Oja"', '"MyOwn"'), ('"equations"', '"formulas"'))
    assert_equal_state(load_weights(header), to_torch(network))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def edit(path, **entries):
    header = json.loads(path.read_text()) | entries
    header = {name: v for name, v in header.items() if v is not None}
    path.write_text(json.dumps(header | {"checksum": _checksum_of_header(header)}))


def rewrite(path, *changes):
    """Write what another version would have written."""
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    edit(path, **json.loads(text))


@pytest.mark.parametrize(
    ("suffix", "damage", "message"),
    [
        (".json", lambda p: p.unlink(), r"net.json can't be read \(No such file.*side by side"),
        (".pt", lambda p: p.unlink(), r"net.pt can't be read \(No such file"),
        (".safetensors", lambda p: p.unlink(), r"net.safetensors can't be read \(No such file"),
        (".json", truncate, r"net.json is truncated or no JSON.*save_weights"),
        (".pt", truncate, r"net.pt is truncated or damaged"),
        (".safetensors", truncate, r"net.safetensors is truncated or damaged"),
        (".pt", lambda p: p.write_bytes(b""), r"net.pt is truncated or damaged"),
        (".safetensors", lambda p: p.write_bytes(b""), r"net.safetensors is truncated or damaged"),
        (".json", lambda p: p.write_bytes(b"\xff\xfe"), r"net.json is truncated or no JSON"),
        (".json", lambda p: p.write_text("[]"), r"not of this format: expected \"format\""),
        (".json", lambda p: edit(p, format="x"), r"not of this format"),
        (".json", lambda p: edit(p, version=99), r"format version 99, this hebbsim reads 1"),
        (".json", lambda p: edit(p, sha256=None), r"net.json lacks sha256"),
        (".json", lambda p: edit(p, dtype=None), r"net.json lacks dtype"),
        (".json", lambda p: edit(p, dtype="int8"), r"doesn't describe a network.*int8"),
        (".json", lambda p: edit(p, dtype="float32"), r"'conv1.weight' to be float32 .*float64"),
        (".json", lambda p: edit(p, network={"layers": []}), r"doesn't describe.*input_shape"),
        (
            ".json",
            lambda p: rewrite(p, ('"out_channels": 4', '"out_channels": 6')),
            r"'conv1.weight' to be float64 of shape \(6, 2, 3, 2\), got .*\(4, 2, 3, 2\)",
        ),
        (
            ".json",
            lambda p: rewrite(p, ('"pruned"', '"hewn"')),
            r"doesn't describe a network that this version.*hewn",
        ),
    ],
)
def test_damaged_files(tmp_path, network, suffix, damage, message):
    save_weights(network, tmp_path / "net")
    damage(tmp_path / f"net{suffix}")
    name = "net.pt" if suffix == ".pt" else "net"
    with pytest.raises(WeightsError, match=message):
        load_weights(tmp_path / name)
    with pytest.raises(WeightsError, match=message):
        load_network(tmp_path / name)


def flipped(content, generator):
    """Content with one bit changed."""
    place = generator.integers(len(content))
    bit = 1 << int(generator.integers(8))
    return content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]


@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".json"])
def test_fifty_damaged_files_are_refused_by_name(tmp_path, network, suffix):
    written = save_weights(network, tmp_path / "net")
    place = tmp_path / f"net{suffix}"
    whole, generator = place.read_bytes(), np.random.default_rng(0)
    check_weights(tmp_path / "net")
    module = load_weights(place)
    for number in range(50):
        cut = whole[: generator.integers(len(whole))]
        place.write_bytes(flipped(whole, generator) if number % 2 else cut)
        for read in (load_weights, check_weights):
            with pytest.raises(WeightsError, match=rf"net\{suffix} .*save_weights"):
                read(place)
    place.write_bytes(whole)
    assert_equal_state(load_weights(written[0]), module)


def test_one_flipped_bit_of_the_description_is_found(tmp_path, network):
    *_, header = save_weights(network, tmp_path / "net")
    text = header.read_text()
    assert '"norm": 1.0' in text
    header.write_text(text.replace('"norm": 1.0', '"norm": 1.8'))
    with pytest.raises(WeightsError, match=r"net\.json was damaged or changed since it was"):
        load_network(header)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_files_of_different_saves(tmp_path, network, suffix):
    save_weights(network, tmp_path / "net")
    save_weights(build((2, 9, 14), LAYERS, seed=8), tmp_path / "other")
    (tmp_path / f"other{suffix}").replace(tmp_path / f"net{suffix}")
    with pytest.raises(WeightsError, match=r"checksum differs. They are of different saves"):
        load_weights(tmp_path / f"net{suffix}")


def test_a_pt_file_that_would_run_code(tmp_path, network):
    pt, *_ = save_weights(network, tmp_path / "net")
    torch.save({"conv1.weight": print}, pt)
    with pytest.raises(WeightsError, match=r"net.pt is truncated or damaged"):
        load_weights(pt)


def test_only_networks_are_saved(tmp_path):
    with pytest.raises(TypeError, match=r"expected a ConvNetwork or a SpikingNetwork, got Conv2d"):
        save_weights(conv(), tmp_path / "net")
