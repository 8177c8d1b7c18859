"""
Nonlinear Hebbian learning as a unifying principle in receptive field formation.

C. Brito and W. Gerstner, PLoS Computational Biology 12(9):e1005070 (2016), arXiv 1601.00701.

Replicated are the rate model with the paper's five effective nonlinearities and two controls, the
objectives of different fields, a spiking model with triplet plasticity and its measured effective
nonlinearity, and the rule on other inputs: strabismus, and a second layer on complex cells. Beyond
the paper's single neurons a convolution learns many fields that compete.

The methods were not at hand: slope and thresholds of the curves and the nonlinearities' names and
parameters are read in the figures' captions, their algebra and the input's filter are from memory,
and all else (round patches of 12 pixels along 40 directions, rates, numbers) is ours.

The generalised integrate-and-fire neuron is reduced to its f-I curve, but for one condition of the
full size, ``with membrane`` in `spiking.RULES`, in which it has a membrane and adaptation.

What isn't replicated: speech, and binaural sounds; the published sizes of patches (16, from
memory). Neurons of the paper saw patches one by one, those here see some side by side.

Run it with ``python -m models.brito_gerstner2016``; with ``--data-root FOLDER`` on natural images,
the ``images`` of an ``.npz`` file in ``FOLDER/natural``, else on images of dead leaves.
"""
