"""Templates that stay parsed from process to process: to parse them takes longer than to fill."""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import jinja2
from brian2.codegen.templates import Templater
from jinja2.bccache import Bucket, BytecodeCache

from hebbsim.codegen.cache_folder import cache_folder

__all__ = ["keep_parsed"]

_DIGEST = hashlib.sha256().digest_size


class _InCacheFolder(BytecodeCache):
    """Keep each template in a file of its own, with a checksum of what it holds.

    The bytes say of which text they were made, and for which version of Python.
    """

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load a template, if it is there and whole."""
        with suppress(OSError):
            held = _file(bucket).read_bytes()
            if hashlib.sha256(held[_DIGEST:]).digest() == held[:_DIGEST]:
                bucket.bytecode_from_string(held[_DIGEST:])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template, where there is room."""
        content = bucket.bytecode_to_string()
        with suppress(OSError):
            file = _file(bucket)
            file.parent.mkdir(mode=0o700, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=file.parent)
            try:
                with open(handle, "wb") as unfinished:
                    unfinished.write(hashlib.sha256(content).digest() + content)
                os.replace(name, file)  # atomic: other processes share the folder
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(name)


def _file(bucket: Bucket) -> Path:
    return cache_folder() / "templates" / f"{bucket.key}-{jinja2.__version__}"


def keep_parsed(templater: Templater) -> None:
    """Let a templater look for parsed templates in the folder of what is kept."""
    templater.env.bytecode_cache = _InCacheFolder()
