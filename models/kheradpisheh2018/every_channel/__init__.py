"""The network without competition for plasticity: each channel learns from each image.

It does so at the first place at which it is the first, instead of five or eight neurons of a map
that exclude each other. All else, rule, rates and classifiers, is the published network's.
"""
