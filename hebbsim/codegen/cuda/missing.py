"""What stands for Brian2CUDA's device where Brian2CUDA is missing."""

from typing import Any

from brian2.devices.device import Device, reset_device

from hebbsim.codegen.cuda.toolkit import check_brian2cuda

__all__ = ["MissingDevice"]


class MissingDevice(Device):
    """Say what is missing when it is chosen; Brian2 itself only knows that a name is unknown."""

    def activate(self, *_: Any, **__: Any) -> None:
        """Leave the device that was current in its place, and say what is missing.

        Raises
        ------
        ImportError
            In any case.
        """
        reset_device()
        check_brian2cuda()
