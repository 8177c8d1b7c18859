"""SoftHebb: Journé, Garcia Rodriguez, Guo and Moraitis 2023, ICLR; arXiv 2209.11883.

Hebbian deep learning without feedback. Convolutional layers learn without labels from a soft
competition: what wins learns, all else unlearns a little. A linear classifier reads the last layer.

Sizes and rates are those of the authors' code, ``NeuromorphicComputing/SoftHebb``, preset
``4SoftHebbCnnCIFAR``; its file names are given where a number comes from there. What is here:
the network of three layers on CIFAR-10, whose last one is read out; what each layer and part is
worth, and layers that learn one after the other (``python -m models.softhebb2023.ablations``);
classifiers that read an image and its mirror image (``python -m models.softhebb2023.mirrored``);
and four on STL-10 (``python -m models.softhebb2023.stl10``, where the data set is); the table in
``models/README.md`` says what was run. What isn't: MNIST, whose preset is not public, ImageNette,
and the comparison with backpropagation.
"""
