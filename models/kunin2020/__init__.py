"""
Feedback that learns to carry credit: Kunin et al. 2020.

"Two Routes to Scalable Credit Assignment without Weight Symmetry", ICML, arXiv 2003.01513.

Replicated are the five primitives, the rules that are made of them, and what the paper says of
depth and of noise, on small dense networks; convolutional ones are in
`models.kunin2020.convolutional`, and all sets of primitives in `models.kunin2020.subsets`.

Not replicated: ImageNet and ResNets; the authors' coefficients, which were not at hand (their code
fetches them); the search that finds the weight mirror sensitive to its metaparameters and
information alignment robust, and the transfer of metaparameters to deeper networks; the reverse
term of the null primitive, which the authors' code has switched off.

Run it with ``python -m models.kunin2020``; ``--help`` lists the options.
"""
