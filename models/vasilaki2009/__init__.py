"""Vasilaki, Fusi, Wang and Senn 2009: flexible mappings that reward teaches.

Biol Cybern 100:147 (PMID 19153762). A monkey learns which of two pictures stands for which of two
eye movements, from reward alone, and the mapping is reversed again and again. The abstract says
that a network relearns as fast if changes depend on activity before and after the synapse and
units are hardly stochastic, and that more layers do no harm.

The text and its equations were not at hand: **the model is a reconstruction**, from the abstract
and from ingredients that are remembered (a covariance rule, soft bounds, success that stops to
teach neurons that are driven strongly). All numbers were chosen here. Not replicated: the
monkeys' data, delays within a trial, and spikes.

Beyond the paper: real pictures through a convolutional layer, and more pictures and actions.
"""
