"""Plain transcriptions of a latency-coded layer, and the same layer as Brian2 objects."""

import numpy as np
from brian2 import defaultclock

from hebbsim import ConvSynapses, FeatureMap, FirstWinners, OrderPlasticity, StoredImages

NEVER = 255


def first_spikes(bins, w, threshold, padding, n_bins):
    """Return the bins of first spikes and the potentials there, ``(row, col, channel)``.

    Parameters
    ----------
    bins : array
        ``(in_channel, row, col)``: when each input spikes.
    w : array
        ``(out_channel, in_channel, krow, kcol)``.
    """
    n_out, _, krows, kcols = w.shape
    padded = np.pad(bins, ((0, 0), (padding,) * 2, (padding,) * 2), constant_values=NEVER)
    rows, cols = padded.shape[1] - krows + 1, padded.shape[2] - kcols + 1
    first = np.full((rows, cols, n_out), NEVER)
    value = np.zeros((rows, cols, n_out))
    fields = np.lib.stride_tricks.sliding_window_view(padded, (krows, kcols), axis=(1, 2))
    for now in range(n_bins):
        v = np.tensordot((fields <= now).astype(w.dtype), w, axes=((0, 3, 4), (1, 2, 3)))
        crossed = (v > threshold) & (first == NEVER)
        first[crossed] = now
        value[crossed] = v[crossed]
    return first, value


def winners(first, value, k, radius):
    """Return (row, col, channel) of the winners, in their order."""
    candidates = []
    for row, col in np.ndindex(first.shape[:2]):
        order = [(first[row, col, c], -value[row, col, c], c) for c in range(first.shape[2])]
        bin_, v, channel = min(order)
        if bin_ < NEVER:
            candidates.append((bin_, v, row, col, channel))
    found = []
    while candidates and len(found) < k:
        _, _, row, col, channel = min(candidates)
        found.append((row, col, channel))
        candidates = [
            c
            for c in candidates
            if c[4] != channel and max(abs(c[2] - row), abs(c[3] - col)) > radius
        ]
    return found


def changes(bins, first, won, w, padding, a_plus, a_minus):
    """Return the sum of what the winners change, which fades towards both bounds, 0 and 1."""
    padded = np.pad(bins, ((0, 0), (padding,) * 2, (padding,) * 2), constant_values=NEVER)
    dw = np.zeros_like(w)
    for row, col, channel in won:
        field = padded[:, row : row + w.shape[2], col : col + w.shape[3]]
        rate = np.where(field <= first[row, col, channel], a_plus, -a_minus)
        dw[channel] += rate * w[channel] * (1 - w[channel])
    return dw


def latency_layer(bins, w, rule, *, threshold, padding, k, radius, n_bins, batch=1):
    """Return the objects of a layer that learns from stored bins, its convolution the first."""
    duration = (n_bins + 1) * defaultclock.dt
    retina = FeatureMap(
        bins.shape[1:],
        "bin : integer",
        f"bin == t_in_timesteps % {n_bins + 1}",
        batch_size=batch,
        name="retina",
    )
    shown = StoredImages(retina, bins, "bin", duration=duration)
    rows, cols = (n + 2 * padding - w.shape[2] + 1 for n in bins.shape[2:])
    layer = FeatureMap(
        (len(w), rows, cols),
        "v : 1\nfired : boolean",
        threshold=f"v > {threshold} and not fired",
        reset="fired = True",
        batch_size=batch,
        name="layer",
    )
    layer.run_regularly("v = 0\nfired = False", dt=duration, when="before_start")
    conv = ConvSynapses(
        retina,
        layer,
        rule.model,
        on_pre="v_post += w",
        kernel_size=w.shape[2],
        padding=padding,
        name="conv",
    )
    conv.set_kernel("w", w)
    won = FirstWinners(layer, k, radius=radius, duration=duration)
    learning = OrderPlasticity(conv, rule, duration=duration)
    return conv, retina, shown, layer, won, learning
