"""Checkpoints that can't be gone on with."""

import numpy as np
import pytest
from networks_cases import images, kernels, two_layers

from hebbsim import rules
from hebbsim.networks.checkpoint import CheckpointError, Position, load_checkpoint, save_checkpoint


def test_checkpoint_of_another_network_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    save_checkpoint(two_layers(seed=1), path, Position())
    other = two_layers(seed=2)
    before = kernels(other)
    with pytest.raises(CheckpointError, match=r"another network: seed is 1 there and 2 here"):
        load_checkpoint(other, path)
    with pytest.raises(CheckpointError, match=r"layers\[0\].rule.equations is"):
        load_checkpoint(two_layers(rules.Hebb("2/n_shared"), seed=1), path)
    for old, new in zip(before, kernels(other), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.98])
def test_truncated_checkpoint_is_refused_and_kept(tmp_path, keep):
    path = tmp_path / "state.npz"
    network = two_layers()
    save_checkpoint(network, path, Position())
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if keep < 1 else keep])
    left = path.read_bytes()
    with pytest.raises(CheckpointError, match="no readable checkpoint"):
        network.fit(images(), checkpoint=path, resume=True, progress=False)
    assert path.read_bytes() == left


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="is a folder; name the checkpoint file in it"):
        load_checkpoint(two_layers(), tmp_path)
