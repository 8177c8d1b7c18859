"""Part h: spiking convolution that learns by pair STDP, against compiled torch and libraries.

All have the same output rate. BindsNET and SpikingJelly are measured where they are installed.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from brian2 import Network, NetworkOperation, SpikeGeneratorGroup, defaultclock, ms

from hebbsim import rules
from hebbsim.benchmark.rows import Row, Target, largest_difference
from hebbsim.benchmark.setting import Found, Setting
from hebbsim.benchmark.sizes import SpikingSize
from hebbsim.benchmark.spiking_libraries import LIBRARIES, find_threshold, library_difference
from hebbsim.benchmark.spiking_rivals import FORMS, TorchSpikes, output_rate
from hebbsim.benchmark.timing import TIMED_TOGETHER, Contender, Repeated, Stamped, interleave
from hebbsim.experiments.preferences import preferences
from hebbsim.geometry import conv_output_shape
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.synapses.conv_synapses import ConvSynapses

__all__ = ["SpikingSetting", "measure", "spiking_difference"]

#: Of the neurons' potential and of both traces
TAU = 20 * ms
DT = 1 * ms
#: So slow that rates stay what they are while they are timed
RULE = rules.PairSTDP(1e-6, tau_plus=TAU, tau_minus=TAU)
#: Which part of the input neurons spikes in a step
INPUT_RATE = 0.05
RECORDED_STEPS = 200
STEPS_TO_COMPARE = 40
BISECTIONS = 14
#: Of libraries, in single precision: changes are some 1e-4 of the weights that they are taken from
LIBRARY_ROUNDING = 1e-3
#: Changes are some 1e-7 of the weights that they are taken from
ROUNDING = 1e-7


@dataclass(frozen=True)
class SpikingSetting:
    """Hold one network: its size, and what both sides are given."""

    size: SpikingSize
    kernel_size: int

    @cached_property
    def spikes(self) -> np.ndarray:
        """Input spikes, booleans ``(steps, batch, channels, rows, cols)``, that are repeated."""
        shape = (RECORDED_STEPS, self.size.batch, *self.size.image)
        return np.random.default_rng(0).random(shape) < INPUT_RATE

    @cached_property
    def kernel(self) -> np.ndarray:
        """The kernel before learning, ``(out_channels, in_channels, rows, cols)``."""
        shape = (self.size.maps, self.size.image[0], self.kernel_size, self.kernel_size)
        return np.random.default_rng(1).random(shape)

    @cached_property
    def threshold(self) -> float:
        """The threshold at which so many of the output neurons spike in a step as they should."""
        low, high = 0.0, 2.0 * self.kernel[0].size
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            busy = output_rate(self.spikes, self.kernel, middle, decay()) > self.size.rate
            low, high = (middle, high) if busy else (low, middle)
        return round(low, 4)


def decay() -> float:
    """Return what is left of a potential or a trace after a step."""
    return float(np.exp(-float(DT) / float(TAU)))


class _Ours:
    """Hold the network in hebbsim."""

    def __init__(self, given: SpikingSetting, *, learning: bool) -> None:
        n_steps = len(given.spikes)
        # the channel varies fastest in a map
        steps, neurons = np.nonzero(np.moveaxis(given.spikes, 2, -1).reshape(n_steps, -1))
        self.source = SpikeGeneratorGroup(
            given.spikes[0].size,
            neurons,
            steps * DT,
            period=n_steps * DT,
            sorted=True,
            name="source",
        )
        self.layer = FeatureMap(
            conv_output_shape(given.size.image, given.size.maps, given.kernel_size),
            f"dv/dt = -v/({TAU!r}) : 1\n{RULE.post_model if learning else ''}",
            threshold=f"v > {given.threshold}",
            reset=f"v = 0\n{RULE.post_reset if learning else ''}",
            method="exact",
            batch_size=given.size.batch,
            name="layer",
        )
        self.conv = ConvSynapses(
            self.source,
            self.layer,
            "w : 1",
            on_pre={"transmit": "v_post += w"},
            rule=RULE if learning else None,
            kernel_size=given.kernel_size,
            source_shape=given.size.image,
            name="conv",
        )
        self.conv.set_kernel("w", given.kernel)
        self.network = Network(self.source, self.layer, self.conv)

    def run(self, steps: int) -> np.ndarray:
        """Run so many steps; return the number of output spikes in each."""
        spiking, counts = self.layer.variables["_spikespace"], []
        counter = NetworkOperation(lambda: counts.append(int(spiking.get_value()[-1])), when="end")
        self.network.add(counter)
        self.network.run(steps * DT, namespace={})
        self.network.remove(counter)
        return np.array(counts)


def measure(setting: Setting) -> Found:
    """Measure each network with learning and without."""
    torch.set_num_threads(setting.threads)
    torch.set_flush_denormal(True)  # for both sides: traces of neurons that stay silent
    with preferences({"core.default_float_dtype": np.float32}):
        before, defaultclock.dt = defaultclock.dt, DT
        try:
            rows = [row for size in setting.sizes.spiking for row in _rows(setting, size)]
        finally:
            defaultclock.dt = before
            torch.set_flush_denormal(False)
    learning = [row for row in rows if "learning" in row.what and row.target is not None]
    if len(learning) > 1:
        rows.append(_median_row(learning, setting.threads))
    return Found(rows, [])


def _rows(setting: Setting, size: SpikingSize) -> list[Row]:
    given = SpikingSetting(size, setting.sizes.kernel)
    rate = output_rate(given.spikes, given.kernel, given.threshold, decay())
    rows: list[Row] = []
    for learning in (True, False):
        doing = "learning" if learning else "forward"
        what = f"{size.maps} maps, batch {size.batch}, output {rate:.1%} a step: {doing}"
        setting.announce(f"spikes, {what}")
        difference = spiking_difference(given, learning=learning)
        ours = _Ours(given, learning=learning)
        stamped = Stamped(ours.network, setting.threads, every=TIMED_TOGETHER)
        contenders: dict[str, Contender] = {"ours": stamped}
        for form in FORMS if learning else FORMS[:1]:
            step = _rival(given, form, learning=learning, compiled=setting.sizes.compiled).step
            contenders[form] = Repeated(step, TIMED_TOGETHER)
        libraries = _add_libraries(contenders, given) if learning else {}
        times = interleave(contenders, setting.repeats, setting.sizes.seconds)
        own = times.pop("ours")
        rows += [
            _library_row(setting, what, own, times.pop(n), n, *libraries[n]) for n in libraries
        ]
        best = min(times, key=times.__getitem__)
        rows.append(
            Row(
                "h",
                what,
                setting.threads,
                "us",
                1e6 * own,
                1e6 * times[best],
                f"torch{', compiled' if setting.sizes.compiled else ''}, {best}",
                Target(6 if learning and size.rate <= 0.01 else 1.5),
                difference,
                ROUNDING,
            )
        )
    return rows


def _add_libraries(
    contenders: dict[str, Contender], given: SpikingSetting
) -> dict[str, tuple[float, float]]:
    """Add the libraries that are installed; return the rate and the difference of each."""
    found = {}
    for name, library in LIBRARIES.items():
        spikes, kernel = given.spikes, given.kernel
        threshold, rate = find_threshold(library, spikes, kernel, decay(), given.size.rate)
        own = (spikes, kernel, threshold, decay(), changes())
        found[name] = rate, library_difference(library, *own)
        contenders[name] = library(*own)
    return found


def _library_row(
    setting: Setting,
    what: str,
    own: float,
    theirs: float,
    name: str,
    rate: float,
    difference: float,
) -> Row:
    rival = f"{name}, output {rate:.1%}"
    times = (1e6 * own, 1e6 * theirs)
    return Row("h", what, setting.threads, "us", *times, rival, None, difference, LIBRARY_ROUNDING)


def changes() -> tuple[float, float]:
    """Return how much a coincidence changes a weight, up and down."""
    plus, minus = (float(RULE.learning_rate) * float(a) for a in (RULE.A_plus, RULE.A_minus))
    return plus, minus


def _rival(
    given: SpikingSetting, form: str, *, learning: bool, compiled: bool, double: bool = False
) -> TorchSpikes:
    return TorchSpikes(
        given.spikes,
        given.kernel,
        threshold=given.threshold,
        decay=decay(),
        changes=changes() if learning else None,
        form=form,
        compiled=compiled,
        double=double,
    )


def spiking_difference(given: SpikingSetting, *, learning: bool) -> float:
    """
    Run some steps in double precision on both sides.

    Returns
    -------
    float
        Largest difference of the kernels' changes, or of the potentials without learning; infinite
        if the numbers of spikes differ in any step.
    """
    results: list[tuple[np.ndarray, np.ndarray]] = []
    with preferences({"core.default_float_dtype": np.float64}):
        ours = _Ours(given, learning=learning)
        counts = ours.run(STEPS_TO_COMPARE)
        change = ours.conv.get_kernel("w") - given.kernel
        results.append((counts, change if learning else ours.layer.get_maps("v")))
    for form in FORMS if learning else FORMS[:1]:
        rival = _rival(given, form, learning=learning, compiled=False, double=True)
        counts = rival.run(STEPS_TO_COMPARE)
        results.append((counts, rival.kernel - given.kernel if learning else rival.potential))
    (own_counts, own), *others = results
    if any(not np.array_equal(own_counts, counts) for counts, _ in others):
        return float("inf")
    return max(largest_difference(own, found) for _, found in others)


def _median_row(rows: list[Row], threads: int) -> Row:
    """Return the median ratio as a row of its own."""
    return Row(
        "h",
        f"median ratio of {len(rows)} networks that learn",
        threads,
        "",
        float(np.median([row.ratio for row in rows])),
        target=Target(4, of="ours"),
    )
