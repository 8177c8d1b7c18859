"""
Convolutional networks with feedback that learns: Kunin et al. 2020 at a small size.

Three convolutional layers and a read-out, by the authors' schedule at a tenth of its length and
with momentum, on 4000 images of Fashion-MNIST and of CIFAR-10, which are read from where
``HEBBSIM_DATA_ROOT`` says; ``--quick`` needs no data set, and takes the digits of scikit-learn.
The paper's ResNets on ImageNet, batch normalisation and the authors' phase of alignment before
learning (``delay_epochs``) aren't replicated.

Run it with ``python -m models.kunin2020.convolutional``. The rates of all rules come from
``python -m models.kunin2020.convolutional.tuning``.
"""
