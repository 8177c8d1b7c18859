"""What objects say that have no CUDA code yet."""

from hebbsim.codegen.targets import on_cuda

__all__ = ["refuse_cuda"]


def refuse_cuda(label: str) -> None:
    """Say that what `label` names can't run on a CUDA device, if that is the current one.

    Raises
    ------
    NotImplementedError
        On a CUDA device.
    """
    if on_cuda():
        raise NotImplementedError(
            f"{label}: there is no code for CUDA yet; run on the CPU, by "
            "set_device('cpp_standalone') or in runtime mode"
        )
