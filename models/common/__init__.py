"""What the models share: claims with their numbers, runs over seeds, command, page."""

from models.common.claim import Claim
from models.common.command import make_app
from models.common.model import Model, Results

__all__ = ["Claim", "Model", "Results", "make_app"]
