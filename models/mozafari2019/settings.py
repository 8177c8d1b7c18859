"""Every number of the model; those of the authors' torch port where no other source is named."""

from dataclasses import dataclass, replace

from models.kheradpisheh2018.settings import DigitSettings, Layer

__all__ = ["DECIDING", "FULL", "LAYERS", "QUICK", "SHOWN_AGAIN", "WINDOWS", "Deciding", "Settings"]

#: Size and sigmas of centre and surround, in pixels, each ON and OFF
WINDOWS = (
    (3, 3 / 9, 6 / 9),
    (3, 6 / 9, 3 / 9),
    (7, 7 / 9, 14 / 9),
    (7, 14 / 9, 7 / 9),
    (13, 13 / 9, 26 / 9),
    (13, 26 / 9, 13 / 9),
)

LAYERS = (
    Layer(30, 5, 2, threshold=15, k=5, radius=3, pool_padding=0),
    Layer(250, 3, 1, threshold=10, k=8, radius=1, pool=3, pool_padding=0),
)


@dataclass(frozen=True)
class Deciding:
    """
    Describe the layer that decides, and how it learns from reward.

    Parameters
    ----------
    channels, kernel_size, padding : int
        Of the convolution.
    each : int
        Channels that stand for one digit.
    a_plus, a_minus : float
        Rates where the decision was right: of potentiation where the input spiked, and of
        depression elsewhere.
    a_plus_wrong, a_minus_wrong : float
        Rates where it was wrong: of depression where the input spiked, and of potentiation
        elsewhere.
    w_min, w_max : float
        Bounds of the weights.
    repeats : int
        How often at most an image is shown again while it is learned, as long as the decision is
        wrong.
    dropout : float
        Share of the channels that can't decide, drawn anew for each presentation, while it learns.
    """

    channels: int = 200
    kernel_size: int = 5
    padding: int = 2
    each: int = 20
    a_plus: float = 0.004
    a_minus: float = 0.003
    a_plus_wrong: float = 0.004
    a_minus_wrong: float = 0.0005
    w_min: float = 0.2
    w_max: float = 0.8
    repeats: int = 0
    dropout: float = 0.0


DECIDING = Deciding()
#: What was decided wrongly is shown again; the paper drops out half of the channels as well
SHOWN_AGAIN = replace(DECIDING, repeats=10, dropout=0.5)


@dataclass(frozen=True)
class Settings(DigitSettings):
    """
    Hold what the full size and the quick one differ in, beside the images.

    Parameters
    ----------
    rewarded, control_rewarded : int
        Epochs of the layer that decides, in the network and in its controls.
    block : int
        Presentations after which its rates follow the share of right decisions.
    repeats : int
        How often at most an image is shown again until the decision is right, while channels drop
        out; 0 for the published network, which does neither.
    rate_factors : tuple of (int, float)
        After so many of its epochs, what all of its rates are multiplied by; controls have too few.
    """

    epochs: tuple[int, int] = (2, 4)
    control_epochs: tuple[int, int] = (2, 4)
    doubling_every: tuple[int, int] = (500, 500)
    rewarded: int = 20
    control_rewarded: int = 8
    block: int = 1000
    repeats: int = 0
    rate_factors: tuple[tuple[int, float], ...] = ()

    @property
    def deciding(self) -> Deciding:
        """The layer that decides."""
        return replace(SHOWN_AGAIN, repeats=self.repeats) if self.repeats else DECIDING

    def rate_factor(self, epoch: int) -> float:
        """Return what rates are multiplied by in an epoch, counted from 0."""
        return [1.0, *(factor for after, factor in self.rate_factors if after <= epoch)][-1]

    @property
    def controls_are_whole(self) -> bool:
        """Whether the controls are as large as the network itself."""
        return super().controls_are_whole and self.rewarded == self.control_rewarded


FULL = Settings()
QUICK = Settings(
    data="digits",
    n_train=600,
    n_test=200,
    n_control=600,
    epochs=(1, 3),
    control_epochs=(1, 3),
    doubling_every=(20, 20),  # so few images need high rates: reconstructed
    rewarded=5,
    control_rewarded=5,
    block=100,
    all_controls=False,
)
