"""Random scripts as Brian2's users write them, to be run on `Synapses` and on `ConvSynapses`."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeGeneratorGroup,
    Synapses,
    ms,
    nS,
    prefs,
    seed,
)
from brian2.codegen.generators.numpy_generator import NumpyCodeGenerator

from hebbsim import ConvSynapses, FeatureMap

DURATION = 6 * ms
NEURONS = """dv/dt = (drive - v)/tau_m : 1{flag}
dg/dt = -g/(3*ms) : {unit}
drive : 1
u : {unit}
f : {unit}
tau_m : second
gain = 1/(1 + v**2) : 1"""


@dataclass
class Script:
    """Draw a script: equations, names, clocks, delays, units, a source of any kind."""

    number: int
    rng: np.random.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.rng = rng = np.random.default_rng(self.number)
        self.source = self._one_of("generator", "poisson", "neurons", "map", "subgroup")
        self.has_state = self.source in ("neurons", "map", "subgroup")
        self.recurrent = self.source == "map" and rng.random() < 0.3
        self.unit = self._one_of("1", "siemens")
        self.scale = "nS" if self.unit == "siemens" else "1"
        #: Time steps of source, target and synapses, in ms
        self.steps = [float(rng.choice([0.1, 0.1, 0.2, 0.5])) for _ in range(3)]
        #: Channels of source and target, which are all joined, and rows, which are not
        self.n_pre, self.n_post, self.rows = (int(n) for n in rng.integers(1, 4, 3))
        if self.recurrent:
            self.steps[1], self.n_post = self.steps[0], self.n_pre
        self.flag = self._one_of("", "", " (unless refractory)")
        self.names: list[str] = []  # of numbers that the synapses keep
        self.model = self._model()
        self.pathways = {"pre": self._pathway()}
        if rng.random() < 0.5:
            self.pathways["post"] = self._pathway()
        delays = (None, "1*ms", "0.4*ms", "(0.3 + 0.2*w/unit_w)*ms")
        self.delay = delays[rng.integers(len(delays))]
        decay = f"w = clip(w*0.99, 0.0*{self.scale}, 3*{self.scale})"
        self.regular = decay if rng.random() < 0.3 else None

    def __str__(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in vars(self).items() if name != "rng")

    def _one_of(self, *choices: str) -> str:
        return str(self.rng.choice(choices))

    def _model(self) -> str:
        lines = [f"w : {self.unit}"]
        if self.rng.random() < 0.4:
            flag = self._one_of("event-driven", "clock-driven")
            lines += [f"da/dt = -a/(5*ms) : 1 ({flag})", f"db/dt = -b/(4*ms) : 1 ({flag})"]
            self.names += ["a", "b"]
        if self.rng.random() < 0.3:
            lines.append("p : 1")
            self.names.append("p")
        if self.rng.random() < 0.3:
            lines.append("h = 0.3*v_post + 0.1 : 1")
        if self.has_state and self.rng.random() < 0.5:
            term = self._one_of("v_pre", "(v_pre - v_post)", "gain_pre", "v_pre*gain_post")
            lines.append(f"u_post = w*{term} : {self.unit} (summed)")
        if self.source == "map" and not self.recurrent and self.rng.random() < 0.3:
            lines.append(f"f_pre = 0.5*w*v_post : {self.unit} (summed)")
        if self.has_state and self.rng.random() < 0.2:
            lines.append("dq/dt = (v_pre*v_post - q)/(5*ms) : 1 (clock-driven)")
            self.names.append("q")
        return "\n".join(lines)

    def _pathway(self) -> str:
        """Return one to three statements, each of which has the units of what it changes."""
        # Brian2 keeps v and v_post apart, and lets the one or the other win
        end, scale = self._one_of("", "_post"), self.scale
        numbers = ["0.5", "(i + 1)/4", "(j + 1)/4", *self.names]
        if not self.recurrent:  # what reads neurons that it changes has no order there
            numbers += ["gain_pre"] if self.has_state else []
            numbers += ["gain_post"] if end else []
            numbers += ["h"] if end and "\nh = " in self.model else []

        def number() -> str:
            return self._one_of(*numbers)

        def weight() -> str:
            return self._one_of("w", f"0.2*{scale}", f"w*{number()}")

        choices = [
            lambda: f"g{end} += {weight()}",
            lambda: f"v{end} += 0.1*{number()}",
            lambda: f"w = clip(w + 0.05*{number()}*{scale}, 0*{scale}, 2*{scale})",
            lambda: f"w += 0.05*{number()}*{scale}",
            lambda: f"w = w - 0.03*w*{number()}",
            lambda: "w *= 0.97",
            lambda: f"x = 0.1*w*{number()}\ng{end} += x",
            lambda: f"g{end} -= 0.1*{weight()}",
            *((lambda name=name: f"{name} += {number()}") for name in self.names),
        ]
        if not self.recurrent:
            choices += [
                lambda: f"v{end} = v{end} + 0.2",
                lambda: f"v{end} = 0.5*v{end}",
                lambda: f"v{end} += 0.3*({number()} - v{end})",
            ]
            choices += [lambda: f"g_pre += {weight()}"] if self.has_state else []
        picked = self.rng.choice(len(choices), size=int(self.rng.integers(1, 4)))
        return "\n".join(choices[int(n)]() for n in picked)


def run(script: Script, convolve: bool, target: str = "numpy") -> dict[str, np.ndarray]:
    """Run a script and return all that it can change."""
    prefs.codegen.target = "numpy"
    rng = np.random.default_rng([script.number, 1])
    seed(script.number)
    post = _neurons(script, "post", rng)
    whole = post if script.recurrent else _source(script, rng)
    n = script.n_pre * script.rows
    pre = whole[1 : 1 + n] if script.source == "subgroup" else whole
    unit_w = nS if script.unit == "siemens" else 1
    common: dict[str, Any] = {
        "on_pre": script.pathways["pre"],
        "on_post": script.pathways.get("post"),
        "namespace": {"unit_w": unit_w},
        "dt": script.steps[2] * ms,
        "method": "exact",
        "name": "joined",
    }
    weights = rng.uniform(0.1, 1.5, (script.rows, script.n_pre, script.n_post))
    if convolve:
        prefs.codegen.target = target
        kwds = {} if script.recurrent else {"source_shape": (script.n_pre, script.rows, 1)}
        joined = ConvSynapses(
            pre, post, script.model, kernel_size=1, weight_sharing=False, **kwds, **common
        )
        kernel = np.moveaxis(weights, 2, 1)[:, None, :, :, None, None]
        joined.set_kernel("w", kernel * unit_w)
    else:
        # as in Brian2's compiled targets: one synapse after the other
        NumpyCodeGenerator._use_ufunc_at_vectorisation = False
        joined = Synapses(pre, post, script.model, **common)
        joined.connect(f"i//{script.n_pre} == j//{script.n_post}")
        joined.w = weights.ravel() * unit_w
    if script.delay:
        joined.delay = script.delay
    if script.regular:
        joined.run_regularly(script.regular, dt=0.5 * ms, when="end", order=10)
    Network({post, whole, pre, joined}).run(DURATION)
    found = {name: np.array(getattr(post, name)[:]) for name in ("v", "g", "u")}
    if script.has_state:
        found |= {f"{name}_pre": np.array(getattr(pre, name)[:]) for name in ("v", "g", "f")}
    for name in ("w", *script.names):
        if convolve:
            values = np.moveaxis(np.array(joined.get_kernel(name))[:, 0, :, :, 0, 0], 1, 2)
            found[name] = values.ravel()
        else:
            found[name] = np.array(getattr(joined, name)[:])
    return found


def _neurons(script: Script, side: str, rng: np.random.Generator) -> NeuronGroup:
    """Return neurons that spike now and then."""
    channels = {"post": script.n_post, "pre": script.n_pre}[side]
    n = channels * script.rows
    # where both sides can be refractory, Brian2 takes the one for the other
    flag = script.flag if side == "post" else ""
    kwds = {
        "model": NEURONS.format(unit=script.unit, flag=flag),
        "threshold": "v > 1",
        "reset": "v = 0",
        "refractory": 1 * ms if flag else False,
        "method": "euler",
        "dt": script.steps[side == "post"] * ms,
        "name": f"{side}neurons",
    }
    if side == "post" or script.source == "map":
        group = FeatureMap((channels, script.rows, 1), **kwds)
    else:
        n += 2 * (script.source == "subgroup")
        group = NeuronGroup(n, **kwds)
    group.drive = rng.uniform(0.9, 2.5, n)
    group.tau_m = rng.uniform(1, 4, n) * ms
    group.v = rng.uniform(0, 0.9, n)
    return group


def _source(script: Script, rng: np.random.Generator) -> Any:
    dt, n = script.steps[0] * ms, script.n_pre * script.rows
    if script.source == "generator":
        times = np.unique(rng.integers(0, int(DURATION / dt), 8))
        indices = rng.integers(0, n, len(times))
        return SpikeGeneratorGroup(n, indices, times * dt, dt=dt, name="preneurons")
    if script.source == "poisson":
        return PoissonGroup(n, 400 * Hz, dt=dt, name="preneurons")
    return _neurons(script, "pre", rng)
