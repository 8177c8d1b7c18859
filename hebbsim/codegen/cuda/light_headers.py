"""Headers that units of a CUDA program include and don't use.

Brian2CUDA includes thrust, cuRAND's device functions and its queues of spikes in every unit. They
take nvcc five times as long as what else there is, and most code objects use none of them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from brian2.codegen.templates import Templater

from hebbsim.brian2_private import replace_in_template
from hebbsim.codegen.units import Project, Unit

__all__ = ["is_light", "leave_headers_out", "own_texts", "put_spike_spaces_in_std"]

#: What every unit includes, and declares for the few that use it
_SHARED = (Path("objects.h"), Path("brianlib/cuda_utils.h"), Path("rand.h"))
#: Headers that belong to what can be left out
_OWN = (Path("synapses_classes.h"), Path("brianlib/spikequeue.h"), Path("brianlib/cudaVector.h"))
_MACRO = re.compile(r"^#define (WITHOUT_\w+)$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_]\w*")
#: Arrays of pointers, which a host alone reads
_POINTERS = "thrust::host_vector<{{c_data_type(var.dtype)}}*>"


@dataclass(frozen=True)
class _Library:
    """A library that is included, and how a unit is told that it needs it."""

    macro: str
    #: An include of it, a declaration that needs it, and what says that a unit uses it
    include: re.Pattern[str]
    declares: re.Pattern[str]
    uses: re.Pattern[str]
    #: What stands in its place
    instead: str = ""

    def guarded(self, text: str) -> str:
        """Return a header in which the macro leaves out the library, and what it declares."""
        instead = f"#else\n{self.instead}" if self.instead else ""
        guard = f"#ifndef {self.macro}\n\\g<0>\n{instead}#endif"
        return self.declares.sub(
            f"#ifndef {self.macro}\n\\g<0>\n#endif", self.include.sub(guard, text)
        )

    def is_used(self, texts: Iterable[str], declared: set[str]) -> bool:
        """Whether a unit names the library, or an array that it declares."""
        for text in texts:
            code = self.include.sub("", text)
            if self.uses.search(code) or not declared.isdisjoint(_NAME.findall(code)):
                return True
        return False


_LIBRARIES = (
    _Library(
        "WITHOUT_THRUST",
        re.compile(r"^#[ ]*include[ ]*<thrust/.*>$", re.MULTILINE),
        re.compile(r"^extern thrust::.*\b(\w+);$", re.MULTILINE),
        re.compile(r"\bthrust\b"),
    ),
    _Library(
        "WITHOUT_CURAND_KERNEL",
        re.compile(r"^#[ ]*include[ ]*<curand_kernel\.h>$", re.MULTILINE),
        re.compile(r"(?!)"),
        re.compile(
            r"\bcurand_(?!generator\b|seed\b)[a-z]|\bcurand\s*\(|\bskipahead"
            r"|\bcurandState(?!\s*\*)|\bd_curand_states\s*[\[+]"
        ),
        "struct curandStateXORWOW;\ntypedef struct curandStateXORWOW curandState;\n",
    ),
    _Library(
        "WITHOUT_SYNAPSES",
        re.compile(r'^#include "synapses_classes\.h"$', re.MULTILINE),
        re.compile(r"^extern __device__ SynapticPathway (\w+);$", re.MULTILINE),
        re.compile(r"\bSynapticPathway\b"),
        "#include <algorithm>\n#include <cassert>\nusing namespace std;  // as its headers do\n",
    ),
)


def put_spike_spaces_in_std(templater: Templater) -> None:
    """Let Brian2CUDA's spike spaces be `std::vector`: who reads them needs no thrust for it."""
    replace_in_template(
        templater, "objects", _POINTERS, _POINTERS.replace("thrust::host_", "std::")
    )


def is_light(unit: Unit) -> bool:
    """Whether a unit includes none of what can be left out."""
    return {lib.macro for lib in _LIBRARIES} <= set(_MACRO.findall(unit.texts[unit.source]))


def leave_headers_out(folder: Path) -> None:
    """Let each unit of a project of Brian2CUDA include what it uses.

    Parameters
    ----------
    folder : Path
        The project's, as Brian2CUDA wrote it.
    """
    project = Project(folder)
    for library in _LIBRARIES:
        texts = {file: (folder / file).read_text() for file in _SHARED}
        declared = {name for text in texts.values() for name in library.declares.findall(text)}
        for unit in project.units:
            if not library.is_used(own_texts(unit).values(), declared):
                source = folder / unit.source
                code = library.include.sub("", source.read_text())
                source.write_text(f"#define {library.macro}\n{code}")
        for file, text in texts.items():
            if library.macro not in text:  # Brian2 writes anew what it finds changed
                (folder / file).write_text(library.guarded(text))


def own_texts(unit: Unit) -> dict[Path, str]:
    """Return what a unit includes, itself too, without what all include."""
    return {file: text for file, text in unit.texts.items() if file not in (*_SHARED, *_OWN)}
