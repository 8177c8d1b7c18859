"""What the review and its sources say, and what is asked of the numbers here."""

from models.common import Claim

__all__ = ["CLAIMS"]

CLAIMS = (
    Claim(
        "Neurons with branches know 300 ms after the input which pairs were bound (accuracy)",
        "layer, 300 ms",
        least=0.95,
    ),
    Claim("The same, 100 ms after the input", "layer, 100 ms", least=0.95, quick=False),
    Claim("50 ms after it, scattered inputs still depolarise the soma", "layer, 50 ms"),
    Claim("Longest delay with an accuracy of 0.95 (ms)", "held", least=300, digits=0),
    Claim("Bound pairs that are clustered on one branch", "learned pairs", least=0.9),
    Claim(
        "A point neuron with its best settings doesn't: at the delay where it is best",
        "best of the point neuron",
        "a sum gets 0.75 at most",
        most=0.8,
        over="mean",
    ),
    Claim("A point neuron, 300 ms after the input", "point, 300 ms", most=0.8, over="mean"),
    Claim(
        "Nor do branches whose NMDA receptors are blocked, 300 ms after the input",
        "blocked, 300 ms",
        most=0.8,
        over="mean",
    ),
    Claim("Blocked, 100 ms after the input", "blocked, 100 ms", most=0.8, over="mean"),
    Claim(
        "12 inputs give more than 12 times what one gives, by this factor",
        "supralinearity",
        least=1.8,
    ),
    Claim("There is a threshold: its step over that of the first input", "steepest step", least=3),
    Claim("None without NMDA", "steepest step, blocked", least=1, most=1.01),
    Claim("None without magnesium", "steepest step, no magnesium", least=1, most=1.01),
    Claim("Threshold at rest, -70 mV (inputs)", "threshold -70", least=8, most=12, digits=1),
    Claim("Threshold at -75 mV", "threshold -75", digits=1),
    Claim("Threshold at -60 mV", "threshold -60", digits=1),
    Claim(
        "Depolarisation lowers it: largest change over 5 mV",
        "largest change of threshold",
        "lower when depolarised (Major 2008)",
        most=-0.5,
        digits=1,
    ),
    Claim(
        "Plateau, 14 to 40 inputs: smallest (mV)",
        "smallest plateau",
        "40-50 mV (from memory)",
        least=40,
        digits=1,
    ),
    Claim("Plateau, 14 to 40 inputs: largest (mV)", "largest plateau", most=50, digits=1),
    Claim(
        "It lasts longer with more glutamate: least change with one more input (ms)",
        "least growth of duration",
        "grows with glutamate (Major 2008)",
        least=0,
        digits=1,
    ),
    Claim("Duration with 40 inputs (ms)", "duration 40", least=140, digits=0),
    Claim(
        "Duration with 5 volleys of 10 inputs at 50 Hz (ms)",
        "duration of train",
        "200-500 ms (Gao 2021)",
        least=200,
        digits=0,
    ),
    Claim(
        "Soma, 10 to 60 inputs: smallest (mV)",
        "smallest soma",
        "5.9 ± 1.5 mV (Schiller 2000)",
        least=4,
        digits=1,
    ),
    Claim("Soma, 10 to 60 inputs: largest (mV)", "largest soma", most=8, digits=1),
    Claim("Peaks, against an independent program: largest error (mV)", "peak error", most=0.5),
    Claim("The same with NMDA receptors blocked", "blocked error", most=0.5),
    Claim("The same, of the soma", "soma error", most=0.5),
    Claim("Durations: largest error (ms)", "duration error", most=3, digits=1),
    Claim("Durations of trains: largest error (ms)", "train error", most=3, digits=1),
)
