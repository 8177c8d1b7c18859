"""Templates that stay parsed from process to process: to parse them takes longer than to fill."""

from contextlib import suppress
from pathlib import Path

import jinja2
from brian2.codegen.templates import Templater
from jinja2.bccache import Bucket, BytecodeCache

from hebbsim.codegen.cache_folder import cache_folder
from hebbsim.codegen.kept_files import keep, kept

__all__ = ["keep_parsed"]


class _InCacheFolder(BytecodeCache):
    """Keep each template in a file of its own, with a checksum of what it holds.

    The bytes say of which text they were made, and for which version of Python.
    """

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load a template, if it is there and whole."""
        content = kept(_file(bucket))
        if content is not None:
            bucket.bytecode_from_string(content)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template, where there is room."""
        with suppress(OSError):
            keep(_file(bucket), bucket.bytecode_to_string())


def _file(bucket: Bucket) -> Path:
    return cache_folder() / "templates" / f"{bucket.key}-{jinja2.__version__}"


def keep_parsed(templater: Templater) -> None:
    """Let a templater look for parsed templates in the folder of what is kept."""
    templater.env.bytecode_cache = _InCacheFolder()
