"""What the tests of rules for spikes share: driven maps, and learning with ours or explicit."""

from brian2 import Network, ms

from hebbsim import FeatureMap


def driven_map(rng, shape, model, reset):
    """Return two samples of leaky neurons that fire by themselves, with a rule's traces."""
    group = FeatureMap(
        shape,
        f"dv/dt = (drive - v)/(5*ms) : 1\ndrive : 1\n{model}",
        threshold="v > 1",
        reset=f"v = 0\n{reset}",
        method="exact",
        batch_size=2,
    )
    group.set_maps("drive", 1 + 2 * rng.random((2, *shape)))
    return group


def driven_maps(rng, rule, in_shape, out_shape):
    """Return a source and a target for a rule."""
    return (
        driven_map(rng, in_shape, rule.pre_model, rule.pre_reset),
        driven_map(rng, out_shape, rule.post_model, rule.post_reset),
    )


def learned(built, explicit, duration=25 * ms):
    """Run the (source, target, convolution) of each case together; return what kernels changed."""
    before = [conv.get_kernel("w") for _, _, conv in built]
    runs = [(a, b, c.to_synapses() if explicit else c) for a, b, c in built]
    Network(*[obj for objects in runs for obj in objects]).run(duration)
    return [conv.get_kernel("w") - b for (_, _, conv), b in zip(built, before, strict=True)]
