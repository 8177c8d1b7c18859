"""The package nir, which is an optional dependency."""

from types import ModuleType

__all__ = ["nir_library"]


def nir_library() -> ModuleType:
    """
    Import the package nir.

    Raises
    ------
    ModuleNotFoundError
        If it isn't installed, with what to install.
    """
    try:
        import nir
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "NIR needs the package nir (1.0.8 or later), which isn't installed: "
            "pip install 'hebbsim[nir]'",
            name="nir",
        ) from error
    return nir
