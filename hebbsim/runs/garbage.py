"""The garbage collection with which Brian2 begins each run."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["old_objects_kept"]

#: Python starts with some hundred frozen objects
_OF_PYTHON = 1000


#: Whether the user has frozen objects at any time: to count many takes as long as a collection
_seen_frozen = [False]


def _frozen_by_user() -> bool:
    _seen_frozen[0] = _seen_frozen[0] or gc.get_freeze_count() > _OF_PYTHON
    return _seen_frozen[0]


@contextmanager
def old_objects_kept() -> Iterator[None]:
    """
    Let nothing be collected that is there already.

    Brian2 looks through all objects of the process at the start of each run, to warn of those that
    are in no network: with torch and sympy loaded this takes a tenth of a second, as long as the
    rest of a small presentation.
    """
    if _frozen_by_user():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
