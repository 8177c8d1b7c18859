"""Random convolutions for the tests: geometry, equations and state."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from brian2 import prefs

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.geometry import ConvGeometry
from hebbsim.maps.per_channel_sample_position import PerChannel

RULES = {
    "Hebb": "y*x",
    "Instar": "y*(x - w)",
    "Oja": "y*(x - y*w)",
}


@dataclass
class Case:
    """One convolution with its state; `terms` are the summed expressions, without suffixes."""

    geometry: ConvGeometry
    batch_size: int
    plasticity: str
    drive: str = "w*x"
    feedback: str = "w*y"
    rule: rules.Rule | None = None
    seed: int = 0
    state: dict = field(init=False)

    def __post_init__(self):
        rng = np.random.default_rng(self.seed)
        g = self.geometry
        self.state = {
            "x": rng.standard_normal((self.batch_size, *g.in_shape)),
            "y": rng.standard_normal((self.batch_size, *g.out_shape)),
            "w": rng.standard_normal(g.kernel_shape),
            "theta": rng.standard_normal(g.out_channels),
        }
        if self.seed % 2:  # few neurons are active, as after winner-take-all
            self.state["y"] *= np.random.default_rng(self.seed).random((1, *g.out_shape)) < 0.05

    def build(self, name):
        """Return the Brian2 objects of this case: maps, thresholds, convolution."""
        g = self.geometry
        source = FeatureMap(g.in_shape, "x : 1\nd : 1", batch_size=self.batch_size, name=f"s{name}")
        target = FeatureMap(
            g.out_shape, "u : 1\ny : 1", batch_size=self.batch_size, name=f"t{name}"
        )
        theta = PerChannel(target, "theta : 1", name=f"p{name}")
        model = f"""w : 1
        u_post = {suffixed(self.drive)} : 1 (summed)
        d_pre = {suffixed(self.feedback)} : 1 (summed)"""
        if self.rule is None:
            model += f"\ndw = {suffixed(self.plasticity)} : 1 (summed)"
        conv = ConvSynapses(
            source,
            target,
            model,
            kernel_size=g.kernel_size,
            stride=g.stride,
            padding=g.padding,
            dilation=g.dilation,
            groups=g.groups,
            weight_sharing=g.weight_sharing,
            padding_mode=g.padding_mode,
            rule=self.rule,
            name=f"c{name}",
        )
        source.set_maps("x", self.state["x"])
        target.set_maps("y", self.state["y"])
        conv.set_kernel("w", self.state["w"])
        theta.theta = self.state["theta"]
        return source, target, theta, conv

    def expected(self):
        """Return drive, feedback and change by torch, every connection written out."""
        g = self.geometry
        x, y, w, theta = (torch.tensor(self.state[n]) for n in ("x", "y", "w", "theta"))
        unfold = {
            "kernel_size": g.kernel_size,
            "dilation": g.dilation,
            "stride": g.stride,
        }
        pad = partial(padded_by_torch, padding=g.padding, mode=g.padding_mode)
        taps, places = g.kernel_size[0] * g.kernel_size[1], g.out_shape.rows * g.out_shape.cols
        # axes of every term: sample, group, out channel, in channel and offset, position
        shape = (self.batch_size, g.groups, 1, g.in_channels_per_group * taps, places)
        patches = F.unfold(pad(x), **unfold).reshape(shape)
        inside = F.unfold(pad(torch.ones_like(x)), **unfold).reshape(shape)
        outer = (g.groups, g.out_channels_per_group)
        if g.weight_sharing:
            weights = w.reshape(1, *outer, -1, 1)
        else:
            weights = w.reshape(places, *outer, -1).permute(1, 2, 3, 0)[None]
        names = {
            "x": patches,
            "y": y.reshape(self.batch_size, *outer, 1, places),
            "w": weights,
            "theta": theta.reshape(1, *outer, 1, 1),
        }
        drive, feedback, change = (
            evaluate(text, names) * inside + torch.zeros(self.batch_size, *outer, shape[3], places)
            for text in (self.drive, self.feedback, self.plasticity)
        )
        u = drive.sum(3).reshape(self.batch_size, *g.out_shape)
        padded, back = torch.func.vjp(pad, x)
        d = feedback.sum(2).reshape(self.batch_size, -1, places)
        (d,) = back(
            F.fold(d, padded.shape[2:], **unfold)
        )  # the padding's share goes where it is from
        if g.weight_sharing:
            dw = change.sum((0, 4)).reshape(g.kernel_shape)
        else:
            dw = change.sum(0).permute(3, 0, 1, 2).reshape(g.kernel_shape)
        return u.numpy(), d.numpy(), dw.numpy()


def padded_by_torch(maps, padding, mode):
    """Pad maps by torch, as its Conv2d does."""
    rows, cols = padding if isinstance(padding, tuple) else (padding, padding)
    mode = {"zeros": "constant"}.get(mode, mode)
    return F.pad(maps, (cols, cols, rows, rows), mode=mode)


def suffixed(text):
    """Write an expression over x, y, w and theta with Brian2's suffixes."""
    words = {"x": "x_pre", "y": "y_post", "theta": "theta_post"}
    return "".join(words.get(part, part) for part in _words(text))


def evaluate(text, names):
    """Evaluate an expression with torch."""
    functions = {"tanh": torch.tanh, "exp": torch.exp, "abs": torch.abs, "clip": torch.clip}
    return eval(text, {**functions, **names})


def _words(text):
    word = ""
    for character in text + "\0":
        if character.isidentifier() or (word and character.isdigit()):
            word += character
            continue
        if word:
            yield word
            word = ""
        if character != "\0":
            yield character


def random_geometry(rng):
    """Draw a geometry that fits, non-square in everything."""
    groups = int(rng.choice([1, 1, 2, 3]))
    kernel, stride, dilation = (rng.integers(1, high, 2) for high in (4, 3, 3))
    padding = rng.integers(0, 3, 2)
    size = dilation * (kernel - 1) + 1 + rng.integers(0, 6, 2)
    mode = str(rng.choice(["zeros", "circular", "reflect", "replicate"]))
    if mode in ("circular", "reflect"):
        padding = np.minimum(padding, size - (mode == "reflect"))
    return ConvGeometry(
        (groups * int(rng.integers(1, 4)), *map(int, size)),
        groups * int(rng.integers(1, 6)),
        *(tuple(map(int, pair)) for pair in (kernel, stride, padding, dilation)),
        groups,
        bool(rng.random() < 0.75),
        mode,
    )


def random_expression(rng, depth=2):
    """Draw an expression over x, y, w and theta whose values stay moderate."""
    if depth == 0:
        return str(rng.choice(["x", "y", "w", "theta", "0.5*x", "(y + 2)"]))
    inner = [random_expression(rng, depth - 1) for _ in range(2)]
    form = rng.choice(["({}*{})", "({} + {})", "({} - {})", "tanh({})", "clip({}, -1, 1)"])
    return str(form).format(*inner)


def random_case(seed):
    """Draw a whole case: a rule of the library on even seeds, a random equation on odd ones."""
    rng = np.random.default_rng(seed)
    geometry, batch_size = random_geometry(rng), int(rng.integers(1, 4))
    if seed % 2:
        return Case(
            geometry,
            batch_size,
            random_expression(rng),
            random_expression(rng),
            random_expression(rng),
            seed=seed,
        )
    name = list(RULES)[seed // 2 % len(RULES)]
    rule = getattr(rules, name)(learning_rate=0.01)
    return Case(geometry, batch_size, RULES[name], rule=rule, seed=seed)


def explicitly(simulate):
    """Return what explicit synapses learn, on the readable target."""
    saved, prefs.codegen.target = prefs.codegen.target, "numpy"
    found = simulate(explicit=True)
    prefs.codegen.target = saved
    return found
