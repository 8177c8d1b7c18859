"""Mozafari et al. 2019: digits told by spikes and reward alone, without a classifier.

Mozafari, Ganjtabesh, Nowzari-Dalini, Thorpe and Masquelier (2019), Bio-inspired digit recognition
using reward-modulated spike-timing-dependent plasticity in deep convolutional networks. Pattern
Recognition 94:87-95, arXiv 1804.00227.

Two convolutional layers learn without labels as in `models.kheradpisheh2018`, with filters of three
sizes. In the third each feature stands for a digit; the neuron with the largest potential decides,
and its kernel alone learns, from whether that was right. Sizes and rates are those of the authors'
later torch port (SpykeTorch), which has no dropout; `models.mozafari2019.shown_again` has the
paper's, and shows wrong decisions again. Not replicated: the paper's deeper comparisons.
"""
