"""The leaves of a torch module in the order of the signal, and the values they compute with.

A module's ``forward`` is more than its class and its attributes say: hooks, parametrizations and
pruning compute the weights anew in each pass, wrappers hand on to another module. What can be
followed is followed; the rest is refused by name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import torch
from brian2 import prefs
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

__all__ = ["Leaf", "leaves", "refuse", "unwrap"]

#: Modules whose output is that of one they hold, and under which name. `torch.compile`'s is
#: not imported, which takes seconds.
_WRAPPERS = {
    "torch.nn.parallel.data_parallel.DataParallel": "module",
    "torch.nn.parallel.distributed.DistributedDataParallel": "module",
    "torch.optim.swa_utils.AveragedModel": "module",
    "torch._dynamo.eval_frame.OptimizedModule": "_orig_mod",
}
#: What has to be that of `nn.Sequential` itself for a subclass to be one
_SEQUENTIAL = ("forward", "__call__", "__iter__", "__getattr__")
#: Hooks that set a weight before each forward pass, and do nothing else
_WEIGHT_HOOKS = (BasePruningMethod, SpectralNorm, WeightNorm)
_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True)
class Leaf:
    """A module that is no container, as its forward pass sees it."""

    #: Dotted, within the whole module
    name: str
    #: Its weights are those that its hooks would set
    module: Any
    #: Its class, without what a parametrization makes of it
    kind: type[nn.Module]

    @property
    def label(self) -> str:
        """How errors name it."""
        return _label(self.name, self.module)

    @property
    def text(self) -> str:
        """It with all its settings: torch leaves out some of an average pooling."""
        text = _label("", self.module)
        if not isinstance(self.module, nn.AvgPool2d):
            return text
        hidden = {"ceil_mode": False, "count_include_pad": True, "divisor_override": None}
        found = {name: getattr(self.module, name) for name in hidden}
        changed = [f"{name}={value}" for name, value in found.items() if value != hidden[name]]
        return f"{text} with {', '.join(changed)}" if changed else text

    def array(self, name: str) -> NDArray[np.float64] | None:
        """Copy a parameter or buffer in double precision, which holds all of torch's real types.

        Raises
        ------
        ValueError
            If it has no well-defined values, or Brian2 would round them.
        """
        tensor = self._tensor(name)
        if tensor is None:
            return None
        self._check_tensor(name, tensor)
        array = tensor.detach().to("cpu", torch.float64, copy=True).numpy()
        if not np.isfinite(array).all():
            raise ValueError(
                f"from_torch: {self.label}: expected finite values in '{name}', got NaN or "
                "infinity; did it diverge?"
            )
        return array

    def _tensor(self, name: str) -> Tensor | None:
        if not parametrize.is_parametrized(self.module, name):
            return getattr(self.module, name)
        way_out = (
            f"or torch.nn.utils.parametrize.remove_parametrizations(layer, '{name}') to keep what "
            "it has"
        )
        steps = self.module.parametrizations[name]
        if any(step.training for step in steps.modules()):
            raise ValueError(
                f"from_torch: {self.label}: '{name}' is parametrized by "
                f"{' and '.join(type(step).__name__ for step in steps)} and in training mode, in "
                f"which a forward pass may change it; call module.eval(), {way_out}"
            )
        with torch.no_grad():
            tensor, again = getattr(self.module, name), getattr(self.module, name)
        if not torch.equal(tensor, again):
            raise ValueError(
                f"from_torch: {self.label}: '{name}' is parametrized and differs from one reading "
                f"to the next; take the randomness out, {way_out}"
            )
        return tensor

    def _check_tensor(self, name: str, tensor: Tensor) -> None:
        path = f"{self.name}.{name}" if self.name else name
        if type(tensor) not in (Tensor, nn.Parameter) or tensor.layout != torch.strided:
            raise ValueError(
                f"from_torch: expected dense torch tensors, got '{path}' of class "
                f"{type(tensor).__name__} and layout {tensor.layout}; give a module with plain "
                "parameters"
            )
        if tensor.is_meta:
            raise ValueError(
                f"from_torch: '{path}' is on the device 'meta', which holds no values; load them, "
                "module.load_state_dict(state_dict, assign=True)"
            )
        if tensor.dtype not in _DTYPES:
            raise ValueError(
                f"from_torch: expected real kernels, got {tensor.dtype} in '{path}'; convert the "
                f"module to one of {', '.join(map(str, _DTYPES))}"
            )
        if tensor.dtype == torch.float64 and prefs.core.default_float_dtype == np.float32:
            raise ValueError(
                f"from_torch: '{path}' is float64 and Brian2 computes in float32, which would "
                "round it; set brian2.prefs.core.default_float_dtype = numpy.float64, or round "
                "it on purpose: from_torch(module.float())"
            )


def unwrap(module: nn.Module) -> nn.Module:
    """Return the module that `DataParallel` and the like hand on to.

    Raises
    ------
    ValueError
        If a wrapper does more than that.
    """
    while (held := _WRAPPERS.get(_path(type(module)))) is not None:
        _check_hooks("", module)
        if held == "module":  # what is compiled has a forward of its own
            _check_own("", module)
        module = getattr(module, held)
    return module


def leaves(module: nn.Module, name: str = "") -> Iterator[Leaf]:
    """Yield what nested `nn.Sequential` hold, in the order of the signal.

    A module used twice comes twice.

    Raises
    ------
    ValueError
        If a module's forward pass isn't that of its class, with its name.
    """
    module = unwrap(module)
    _check_hooks(name, module)
    _check_own(name, module)
    if _is_sequence(module):
        # `named_children` would leave out what is used twice
        for key, child in module.named_modules(remove_duplicate=False):
            if key and "." not in key:
                yield from leaves(child, f"{name}.{key}" if name else key)
    else:
        kind = parametrize.type_before_parametrizations(module)
        yield Leaf(name, _after_hooks(name, module), kind)


def refuse(label: str, expected: str, way_out: str) -> NoReturn:
    """Refuse a module that a layer can't express."""
    raise ValueError(
        f"from_torch: {label} has no counterpart in a ConvLayer: {expected}; {way_out}"
    )


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _label(name: str, module: nn.Module) -> str:
    kind = parametrize.type_before_parametrizations(module)
    whole = kind is type(module) and any(module.children())
    try:
        text = kind.__name__ if whole else f"{kind.__name__}({module.extra_repr()})"
    except TypeError:  # torch expects pairs where ints, set since, do as well
        text = kind.__name__
    return f"module '{name}' ({text})" if name else text


def _is_sequence(module: nn.Module) -> bool:
    return isinstance(module, nn.Sequential) and all(
        getattr(type(module), method) is getattr(nn.Sequential, method) for method in _SEQUENTIAL
    )


def _check_hooks(name: str, module: nn.Module) -> None:
    """Refuse hooks that may change what comes in or out."""
    if isinstance(module, LazyModuleMixin) and module.has_uninitialized_params():
        raise ValueError(
            f"from_torch: {_label(name, module)} has no parameters yet, as its input has not been "
            "seen; run the module once on a batch of images"
        )
    known = [h for h in module._forward_pre_hooks.values() if not isinstance(h, _WEIGHT_HOOKS)]
    every = (*torch_module._global_forward_pre_hooks.values(), *known)
    after = (*torch_module._global_forward_hooks.values(), *module._forward_hooks.values())
    for kind, hooks in (("forward pre-hook", every), ("forward hook", after)):
        if hooks:
            hook = getattr(hooks[0], "__qualname__", type(hooks[0]).__name__)
            raise ValueError(
                f"from_torch: {_label(name, module)} has a {kind}, {hook}, which may change what "
                "it computes; call remove() of the handle that registering it gave"
            )


def _check_own(name: str, module: nn.Module) -> None:
    """Refuse methods that were replaced on the object."""
    for attribute, value in vars(module).items():
        if attribute.startswith("__"):  # of scripted modules, which are no leaves
            continue
        if callable(value) and callable(getattr(type(module), attribute, None)):
            raise ValueError(
                f"from_torch: {_label(name, module)} has a {attribute} of its own in place of "
                f"that of its class; del module.{attribute} brings that back"
            )


def _after_hooks(name: str, module: nn.Module) -> nn.Module:
    """Return the module with the weights that its hooks set before a forward pass."""
    hooks: list[Any] = list(module._forward_pre_hooks.values())
    if not hooks:
        return module
    if module.training and any(isinstance(hook, SpectralNorm) for hook in hooks):
        raise ValueError(
            f"from_torch: {_label(name, module)} has a spectral norm and is in training mode, in "
            "which each forward pass changes its weight; call module.eval(), or "
            "torch.nn.utils.remove_spectral_norm(layer) to keep what it has"
        )
    # whose weight is set without that of the original; parametrized modules refuse `copy.copy`
    copied = type(module).__new__(type(module))
    vars(copied).update(vars(module))
    with torch.no_grad():
        for hook in hooks:
            hook(copied, ())
    return copied
