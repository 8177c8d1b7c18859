"""
All 32 sets of the five primitives of Kunin et al. 2020, and which of them track backprop.

The paper names six rules; here every set of primitives is one, with coefficients tuned alike. It
is a question of ours, on a small network; the paper has no such figure. Kolen-Pollack isn't made
of primitives, and the weight mirror's noise input isn't tried.

Run it with ``python -m models.kunin2020.subsets``.
"""
