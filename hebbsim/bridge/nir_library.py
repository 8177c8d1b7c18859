"""The package nir, which is an optional dependency."""

from types import ModuleType

from hebbsim.errors import needed

__all__ = ["nir_library"]


def nir_library() -> ModuleType:
    """
    Import the package nir.

    Raises
    ------
    MissingPackageError
        If it isn't installed, with what to install.
    """
    with needed("nir", by="NIR", install="hebbsim[nir]"):
        import nir
    return nir
