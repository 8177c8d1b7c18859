"""
Hebbian learning in a deep convolutional network: Miconi 2021, arXiv 2107.01729.

Run it with ``python -m models.miconi2021``; ``--help`` lists the options. In code::

    from models.miconi2021 import CONDITIONS, Settings, build, run

Sources are the abstract and the author's code, ThomasMiconi/HebbianCNNPyTorch,
``HebbGrad_Github.ipynb``, whose cells are named where a formula or a number comes from them
("made the results described in the preprint"). The paper's own figures were not at hand.
"""

from models.miconi2021.experiment import run
from models.miconi2021.model import CONDITIONS, Condition, build
from models.miconi2021.settings import Settings

__all__ = ["CONDITIONS", "Condition", "Settings", "build", "run"]
