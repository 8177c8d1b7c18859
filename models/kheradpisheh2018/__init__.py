"""Kheradpisheh et al. 2018: digits by spikes, one a neuron, and STDP by their order.

Kheradpisheh, Ganjtabesh, Thorpe and Masquelier (2018), STDP-based spiking deep convolutional neural
networks for object recognition. Neural Networks 99:56-67.

Two convolutional layers of integrate-and-fire neurons without a leak learn one after the other,
without labels, from the first spikes of each image; a linear classifier reads which neurons of the
second spiked. The sizes and rates are those of the authors' later torch port (SpykeTorch), which
differ from the paper's: bins of equal count in place of continuous latencies, rates of the first
layer that double, two maps of filters in the second layer of pooling. Not replicated: the paper's
object recognition (faces and motorbikes, ETH-80), its third layer, and dropout.
"""
