"""Parts c and d on a GPU: programs of Brian2CUDA against torch on the same device."""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from brian2 import Network, defaultclock, device
from brian2.core.variables import ArrayVariable

from hebbsim.benchmark.against_torch import CLOSE_WINNERS, ROUNDING, Shape, shapes
from hebbsim.benchmark.ours import RATE, THRESHOLD_STEP, Layer, conv_network, images, stamped
from hebbsim.benchmark.rivals import LAYOUTS, Convolution, GradientTrick
from hebbsim.benchmark.rows import Row, Target, largest_difference
from hebbsim.benchmark.setting import Found, Setting
from hebbsim.benchmark.standalone import Built, Program
from hebbsim.benchmark.timing import interleave
from hebbsim.codegen.cuda.toolkit import requirements
from hebbsim.errors import SettingsError
from hebbsim.experiments.preferences import preferences
from hebbsim.maps.stored_images import StoredImages

__all__ = ["convolution", "training_step"]

WARM_STEPS = 20
#: What convolutions multiply in, and our preference for it
PRECISIONS = {"float32": "none", "TF32": "TF32"}
#: How much further results may be off in it
COARSER = {"float32": 1, "TF32": 10}
_SECONDS = re.compile(r"^seconds of a step: (\S+)$", re.MULTILINE)
_BEGIN = """
CUDA_SAFE_CALL(cudaDeviceSynchronize());
struct timespec _begun, _ended;
clock_gettime(CLOCK_MONOTONIC, &_begun);
"""
_END = """
CUDA_SAFE_CALL(cudaDeviceSynchronize());
clock_gettime(CLOCK_MONOTONIC, &_ended);
printf("\\nseconds of a step: %.9g\\n",
    (_ended.tv_sec - _begun.tv_sec + 1e-9*(_ended.tv_nsec - _begun.tv_nsec))/{steps});
"""
_KEEP = """
{{
    std::vector<{type}> _values({size});
    const size_t _size = sizeof({type})*{size};
    CUDA_SAFE_CALL(cudaMemcpy(_values.data(), dev{array}, _size, cudaMemcpyDeviceToHost));
    std::ofstream _file("results/first_{array}", std::ios::binary);
    _file.write((const char*) _values.data(), _size);
}}
"""


def torch_device() -> str:
    """Return torch's name of the GPU, or say why there is none."""
    missing = [f"{item.name}: {item.way_out}" for item in requirements() if not item.found]
    if missing:
        raise SettingsError("device cuda: missing are " + "; ".join(missing))
    if not torch.cuda.is_available():
        raise SettingsError(
            f"device cuda: torch {torch.__version__} doesn't see the GPU; install a build of torch "
            "for CUDA"
        )
    return "cuda"


class CudaProgram(Program):
    """Build a program with Brian2CUDA; the variables are kept as they are after the first step."""

    DEVICE = "cuda_standalone"

    def write(self, network: Network, clock: Any, variables: list[ArrayVariable]) -> None:
        """Write one step, steps to get warm, and those that are timed."""
        network.run(clock.dt, namespace={})
        for variable in variables:
            array = device.get_array_name(variable, access_data=False)
            device.insert_code("main", _KEEP.format(array=array, size=variable.size, type="float"))
        # the same code objects again: warm, and compiled once
        go_on = f"{network.name}.run({{}}*{float(clock.dt)!r}, NULL, 10.0);"
        device.insert_code("main", go_on.format(WARM_STEPS))
        device.insert_code("main", _BEGIN)
        device.insert_code("main", go_on.format(self.steps))
        device.insert_code("main", _END.format(steps=self.steps))

    def file_of(self, variable: ArrayVariable) -> str:
        """Return the name of the file that `_KEEP` writes."""
        return f"first_{device.get_array_name(variable, access_data=False)}"

    def measure(self, steps: int) -> float:
        """Run the program, whatever number of `steps` is asked for; return the time of one."""
        done = subprocess.run(
            [str(self.folder / "main")],
            cwd=self.folder,
            env={**os.environ, "CUDA_MODULE_LOADING": "EAGER"},  # not inside what is timed
            capture_output=True,
            text=True,
            check=False,
        )
        found = _SECONDS.search(done.stdout)
        if done.returncode or not found:
            raise RuntimeError(f"{self.folder / 'main'} failed: {done.stderr.strip()[-2000:]}")
        return float(found[1])


class Synchronized:
    """Time a function of torch that puts one step into a GPU's queue.

    Parameters
    ----------
    step : callable
        One step.
    on : str
        Torch's name of the device.
    precision : {'float32', 'TF32'}
        What cuDNN may multiply in.
    """

    def __init__(self, step: Callable[[], Any], on: str, precision: str) -> None:
        self.step, self.on, self.precision = step, on, precision

    def measure(self, steps: int) -> float:
        """Return the mean time of so many steps, in seconds."""
        with torch.backends.cudnn.flags(
            enabled=True, benchmark=True, allow_tf32=self.precision == "TF32"
        ):
            self._wait()
            begun = perf_counter()
            for _ in range(steps):
                self.step()
            self._wait()
            return (perf_counter() - begun) / steps

    def _wait(self) -> None:
        if self.on == "cuda":
            torch.cuda.synchronize()


def training_step(setting: Setting) -> Found:
    """Measure the training step of three layers against the gradient trick, and against the CPU."""
    on, sizes = torch_device(), setting.sizes
    batch = images(sizes)
    setting.announce("three layers on the CPU")
    network = conv_network(sizes)
    kernels = [torch.from_numpy(stage.conv.get_kernel("w")).to(on) for stage in network.stages]
    on_cpu = stamped(network, batch, setting.threads)
    on_cpu.run(1)
    expected = [np.array(stage.conv.variables["w"].get_value()) for stage in network.stages]
    cpu_time = interleave({"cpu": on_cpu}, setting.repeats, sizes.seconds)["cpu"]

    def objects() -> Built:
        found = conv_network(sizes)
        StoredImages(found.input, batch)
        kernels = [stage.conv.variables["w"] for stage in found.stages]
        return Built(found.brian2, found.clock, kernels)

    with tempfile.TemporaryDirectory(prefix="hebbsim-cuda-") as folder:
        setting.announce("three layers: compiling for the GPU")
        programs = _in_each_precision(Path(folder), sizes.standalone_steps, objects)
        setting.announce("three layers: training step")

        def trick(layout: str) -> Callable[[], Any]:
            rival = GradientTrick(kernels, [RATE] * len(kernels), THRESHOLD_STEP, layout)
            return partial(rival.step, torch.from_numpy(batch).to(on))

        contenders = {**programs, **_rivals(trick, on)}
        times = interleave(contenders, setting.repeats, sizes.seconds)
        differences = {
            precision: max(
                largest_difference(ours, theirs.ravel())
                for ours, theirs in zip(program.kept(), expected, strict=True)
            )
            for precision, program in programs.items()
        }
    row = partial(
        _row,
        part="c",
        what=f"training step on the GPU, three layers, batch {sizes.batch}",
        threads=setting.threads,
        times=times,
        differences=differences,
        tolerance=CLOSE_WINNERS,
    )
    on_the_cpu = f"ours on the CPU, threads: {setting.threads}"
    rows = [
        *_against_fastest(row, times, "torch gradient trick on the GPU", Target(1)),
        row("float32", theirs=cpu_time, rival=on_the_cpu, target=Target(20)),
    ]
    return Found(rows, [])


def _in_each_precision(
    folder: Path, steps: int, objects: Callable[[], Built]
) -> dict[str, CudaProgram]:
    """Build the same program in each precision."""
    programs = {}
    for precision, cores in PRECISIONS.items():
        with preferences({"hebbsim.tensor_cores": cores}):
            programs[precision] = CudaProgram(folder / precision, steps, objects)
    return programs


def _rivals(step: Callable[[str], Callable[[], Any]], on: str) -> dict[str, Any]:
    """Return what measures a rival's step in each precision and layout, by both."""
    return {
        f"{precision}, {layout}": Synchronized(step(layout), on, precision)
        for precision in PRECISIONS
        for layout in LAYOUTS
    }


def convolution(setting: Setting) -> Found:
    """Measure each layer's forward convolution against ``conv2d``, both in float32 and in TF32."""
    on = torch_device()
    rows = [row for shape in shapes(setting.sizes) for row in _convolution(setting, shape, on)]
    return Found(rows, [])


def _convolution(setting: Setting, shape: Shape, on: str) -> list[Row]:
    sizes = setting.sizes
    setting.announce(f"forward convolution on the GPU, {shape}")
    layer = Layer.build(*shape, batch=sizes.batch)
    kernel, x = torch.from_numpy(layer.kernel).to(on), torch.from_numpy(layer.input).to(on)

    def objects() -> Built:
        found = Layer.build(*shape, batch=sizes.batch)
        return Built(found.network(), defaultclock, [found.target.variables["u"]])

    def rival(layout: str) -> Callable[[], Any]:
        found = Convolution(kernel, layout)
        return partial(found.step, found.prepare(x))

    with tempfile.TemporaryDirectory(prefix="hebbsim-cuda-") as folder:
        programs = _in_each_precision(Path(folder), sizes.standalone_steps, objects)
        contenders = {**programs, **_rivals(rival, on)}
        times = interleave(contenders, setting.repeats, sizes.seconds)
        drives = {precision: program.kept()[0] for precision, program in programs.items()}
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        theirs = Convolution(kernel, "contiguous").step(x).cpu().numpy()
    theirs = np.moveaxis(theirs, 1, -1).ravel()
    row = partial(
        _row,
        part="d",
        what=f"forward on the GPU, {shape}, batch {sizes.batch}",
        threads=setting.threads,
        times=times,
        differences={name: largest_difference(drive, theirs) for name, drive in drives.items()},
        tolerance=ROUNDING,
    )
    return _against_fastest(row, times, "torch conv2d on the GPU", Target(1 / 3, aim=1))


def _row(
    precision: str,
    *,
    part: str,
    what: str,
    threads: int,
    times: dict[str, float],
    differences: dict[str, float],
    tolerance: float,
    theirs: float,
    rival: str,
    target: Target | None,
) -> Row:
    return Row(
        part,
        f"{what}, {precision}",
        threads,
        "ms",
        1e3 * times[precision],
        1e3 * theirs,
        rival,
        target,
        differences[precision],
        COARSER[precision] * tolerance,
    )


def _against_fastest(
    row: Callable[..., Row], times: dict[str, float], rival: str, target: Target
) -> list[Row]:
    """Compare with the fastest form of a rival, in each precision; the target is float32's."""
    rows = []
    for name in PRECISIONS:
        form = min((form for form in times if form.startswith(f"{name}, ")), key=times.__getitem__)
        due = target if name == "float32" else None
        rows.append(row(name, theirs=times[form], rival=f"{rival}, {form}", target=due))
    return rows
