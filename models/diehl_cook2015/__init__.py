"""Diehl and Cook 2015: digits learned without labels by spikes, inhibition and thresholds.

Diehl and Cook (2015), Unsupervised learning of digit recognition using spike-timing-dependent
plasticity. Frontiers in Computational Neuroscience 9:99.

The network is that of the example ``frompapers.Diehl_Cook_2015`` in Brian2's documentation, at a
time step of 0.5 ms: 784 Poisson inputs, excitatory neurons that all see the whole image, and an
inhibitory neuron for each, which silences all others. Not replicated: the paper's other rules, and
its 6,400 neurons.
"""
