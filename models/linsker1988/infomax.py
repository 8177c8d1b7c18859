r"""
The principle of maximum information for linear cells, and Oja's cell as the best reconstruction.

Two cells ``y = W x + n`` see two Gaussian inputs with the variances ``l1 > l2`` along their
principal axes. Their weight vectors have unit norm and the angles `a` and `b` to the first axis;
the noise of each has the variance `B` (Linsker 1988, from memory; the determinant written out)::

    R = 1/2 ln( ((B + q11)*(B + q22) - q12^2) / B^2 )

Each pair of cells climbs the gradient of `R`, a neuron for each noise and start.
"""

from collections.abc import Sequence

import numpy as np
from brian2 import Network, NeuronGroup, defaultclock, ms, seed

from hebbsim import ConvSynapses, FeatureMap, rules

__all__ = [
    "best_angles",
    "critical_noise",
    "information",
    "oja_cell",
    "predicted_share",
    "reconstruction_error",
]

TWO_CELLS = """
q11 = l1*cos(a)**2 + l2*sin(a)**2 : 1
q22 = l1*cos(b)**2 + l2*sin(b)**2 : 1
q12 = l1*cos(a)*cos(b) + l2*sin(a)*sin(b) : 1
determinant = (B + q11)*(B + q22) - q12**2 : 1
R = 0.5*log(determinant/B**2) : 1
slope_a = (l2 - l1)*sin(2*a)*(B + q22) - 2*q12*(l2*cos(a)*sin(b) - l1*sin(a)*cos(b)) : 1
slope_b = (l2 - l1)*sin(2*b)*(B + q11) - 2*q12*(l2*sin(a)*cos(b) - l1*cos(a)*sin(b)) : 1
da/dt = 0.5*slope_a/determinant/tau : 1
db/dt = 0.5*slope_b/determinant/tau : 1
B : 1 (constant)
"""


def critical_noise(l1: float, l2: float) -> float:
    """Return the noise from which on both cells are the first principal component."""
    return 2 * l1 * l2 / (l1 - l2)


def predicted_share(noise: np.ndarray, l1: float, l2: float) -> np.ndarray:
    """Return sin^2 of the angle of both best cells to the first principal component."""
    return np.maximum(0, (1 - noise / critical_noise(l1, l2)) / 2)


def information(a: np.ndarray, b: np.ndarray, noise: float, l1: float, l2: float) -> np.ndarray:
    """Return the information rate in nats of cells at the angles `a` and `b`."""
    q11, q22 = (l1 * np.cos(angle) ** 2 + l2 * np.sin(angle) ** 2 for angle in (a, b))
    q12 = l1 * np.cos(a) * np.cos(b) + l2 * np.sin(a) * np.sin(b)
    return np.log(((noise + q11) * (noise + q22) - q12**2) / noise**2) / 2


def best_angles(
    noise: Sequence[float], l1: float, l2: float, rng: np.random.Generator, *, starts: int = 8
) -> tuple[np.ndarray, np.ndarray]:
    """
    Let pairs of cells climb the information rate from random starts; keep the best of each noise.

    Parameters
    ----------
    noise : sequence of float
        Variances `B`.
    l1, l2 : float
        Variances of the input along its principal axes.
    rng : Generator
        Draws the starts.
    starts : int
        For each noise.

    Returns
    -------
    angles : array
        `(noises, 2)`, of both weight vectors to the first axis.
    rate : array
        `(noises,)`, information in nats.
    """
    tau = 10 * ms
    cells = NeuronGroup(
        len(noise) * starts,
        TWO_CELLS,
        method="rk4",
        namespace={"l1": l1, "l2": l2, "tau": tau},
        dt=tau / 2,
    )
    cells.B = np.repeat(noise, starts)
    cells.a, cells.b = rng.uniform(0, np.pi, (2, len(cells)))
    Network(cells).run(4000 * tau, namespace={})
    rate = np.asarray(cells.R[:]).reshape(-1, starts)
    best = rate.argmax(axis=1) + starts * np.arange(len(noise))
    return np.stack([cells.a[:], cells.b[:]], axis=1)[best], rate.max(axis=1)


def oja_cell(stimuli: np.ndarray, eta: float, steps: int, start: int) -> np.ndarray:
    """
    Learn with Oja's rule from all stimuli side by side, until nothing changes.

    Parameters
    ----------
    stimuli : array
        `(n, inputs)`.
    eta : float
        Learning rate.
    steps : int
        How many.
    start : int
        Seed of the weights.

    Returns
    -------
    array
        `(inputs,)`.
    """
    n, inputs = stimuli.shape
    seed(start)
    source = FeatureMap((inputs, 1, 1), "x : 1", batch_size=n)
    source.set_maps("x", stimuli[:, :, None, None])
    cell = FeatureMap((1, 1, 1), "y : 1", batch_size=n)
    conv = ConvSynapses(
        source,
        cell,
        "w : 1\ny_post = w*x_pre : 1 (summed)",
        rule=rules.Oja(f"{eta}/n_shared"),
        kernel_size=1,
    )
    conv.set_kernel("w", np.random.default_rng(start).normal(0, 0.1, (1, inputs, 1, 1)))
    Network(source, cell, conv).run(steps * defaultclock.dt, namespace={})
    return np.asarray(conv.get_kernel("w")).ravel()


def reconstruction_error(covariance: np.ndarray, w: np.ndarray) -> float:
    """Return the mean square error of the best linear estimate of the input from ``w.x``."""
    seen = covariance @ w
    return float(np.trace(covariance) - seen @ seen / (w @ seen))
