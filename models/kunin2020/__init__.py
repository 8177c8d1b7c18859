"""
Feedback that learns to carry credit: Kunin et al. 2020.

"Two Routes to Scalable Credit Assignment without Weight Symmetry", ICML, arXiv 2003.01513.

Replicated are the five primitives, the rules that are made of them, and what the paper says of
depth and of noise, on small networks. ImageNet is not; coefficients are ours, as the authors' were
not at hand (their code fetches them).

Run it with ``python -m models.kunin2020``; ``--help`` lists the options.
"""
