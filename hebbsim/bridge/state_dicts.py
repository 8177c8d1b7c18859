"""Torch's weights from files: of any device, with or without the prefix of a wrapper."""

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from hebbsim.bridge.torch_leaves import unwrap
from hebbsim.bridge.weight_files import WeightsError, read_bytes

__all__ = ["WeightsError", "load_state_dict", "read_tensors"]

#: What `DataParallel` and `DistributedDataParallel`, and `torch.compile`, put before each name
_PREFIXES = ("module.", "_orig_mod.")


def load_state_dict(module: nn.Module, state_dict: str | Path | Mapping[str, Tensor]) -> nn.Module:
    """
    Load weights into a module, wherever they were saved and however it was wrapped.

    Parameters
    ----------
    module : torch.nn.Module
        Its parameters and buffers are overwritten.
    state_dict : path or mapping
        What ``torch.save(module.state_dict(), path)`` wrote, a ``.safetensors`` file, or the
        mapping itself. Files from a GPU are read where there is none. The prefix ``module.`` of
        `DataParallel` and `DistributedDataParallel` may be there or not, on either side.

    Returns
    -------
    torch.nn.Module
        The same module, for `from_torch`.

    Raises
    ------
    WeightsError
        If the file can't be read or holds something else; if a tensor is missing, left over or of
        another shape. The module is left as it was.

    Examples
    --------
    >>> network = from_torch(load_state_dict(module, "trained_on_gpu.pt").eval(), (3, 32, 32))
    """
    if isinstance(state_dict, str | Path):
        source = str(state_dict)
        given: Any = read_tensors(Path(state_dict), read_bytes(Path(state_dict)))
    else:
        source, given = "the state_dict", state_dict
    target = unwrap(module)
    own = target.state_dict()
    # of several prefixes a layer's own name may be one
    tensors = max(_prefixes_off(_checked(source, given)), key=lambda named: len(named.keys() & own))
    _check_fit(source, own, tensors)
    # a module without memory takes the tensors themselves
    target.load_state_dict(tensors, assign=any(tensor.is_meta for tensor in own.values()))
    return module


def read_tensors(path: Path, content: bytes) -> Any:
    """Return what the content of a ``.safetensors`` file, or of one of torch, holds, on the CPU.

    Code is never unpickled.

    Raises
    ------
    WeightsError
        If it is damaged, or holds more than tensors and plain values.
    """
    read: Callable[[bytes], Any] = (
        safetensors.torch.load if path.suffix == ".safetensors" else _read_pickled
    )
    try:
        return read(content)
    # damaged files make their readers raise many kinds of error
    except Exception as error:
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"{path} is truncated or damaged, or holds more than tensors ({first_line}). Write it "
            "anew: save_weights for a network, torch.save(module.state_dict(), path) for a module"
        ) from error


def _read_pickled(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _checked(source: str, given: Any) -> dict[str, Tensor]:
    """Return a mapping of tensors, or say what was given instead."""
    if not isinstance(given, Mapping):
        raise WeightsError(
            f"{source}: expected a state_dict, tensors by name, got {type(given).__name__}; give "
            "module.state_dict()"
        )
    for name, value in given.items():
        if isinstance(value, Tensor):
            continue
        within = f"[{name!r}]" if isinstance(value, Mapping) else ""
        way_out = (
            f"give the part that holds the weights, such as torch.load(path, "
            f"map_location='cpu'){within}"
            if within
            else "give module.state_dict() alone"
        )
        raise WeightsError(
            f"{source}: expected a state_dict, tensors by name, got {type(value).__name__} under "
            f"{name!r}; {way_out}"
        )
    return dict(given)


def _prefixes_off(tensors: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """Yield tensors as they are named, and with each prefix that all names have taken off."""
    yield tensors
    for prefix in _PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            yield from _prefixes_off(
                {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
            )


def _check_fit(source: str, own: dict[str, Tensor], given: dict[str, Tensor]) -> None:
    """Compare names and shapes before anything is overwritten."""
    for name in [*own, *given]:
        expected, found = (
            "nothing" if name not in tensors else _signature(tensors[name])
            for tensors in (own, given)
        )
        if expected != found and not (name in own and name in given and is_lazy(own[name])):
            raise WeightsError(
                f"{source} doesn't fit the module: expected '{name}' to be {expected}, got "
                f"{found}; load it into a module built as the one that it was saved from"
            )


def _signature(tensor: Tensor) -> str:
    if is_lazy(tensor):
        return "of any shape"
    kind = "complex numbers" if tensor.is_complex() else "real numbers"
    return f"{kind} of shape {tuple(tensor.shape)}"
