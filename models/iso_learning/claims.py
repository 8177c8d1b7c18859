"""What the papers say of the rules, and what is asked of the robots."""

from models.common import Claim

__all__ = ["CLAIMS"]

#: Published figures: of the robots there are none; the rules' behaviour is the papers'
CLAIMS = (
    Claim(
        "Gated learning (ISO3, one filter) at least doubles the catch of a robot that doesn't "
        "learn",
        "ISO3: gain",
        least=2,
    ),
    Claim("... and is 1.5 times that of its own youth", "ISO3: own gain", least=1.5),
    Claim("... part of its robots that double the mean catch", "ISO3: robots that double"),
    Claim(
        "... its weight stops growing: change in the last quarter",
        "ISO3: last quarter",
        most=0.2,
        quick=False,
    ),
    Claim("... its weight (sum of all predictors')", "ISO3: rho"),
    Claim("... catch in 10,000 steps, late", "ISO3: late", digits=1),
    Claim("Catch without learning", "no learning: late", digits=1),
    Claim("Control: a fixed weight of 0.1 catches", "fixed 0.1: late", digits=1),
    Claim("Control: a fixed weight of 0.25 catches", "fixed 0.25: late", digits=1),
    Claim("Control: a fixed weight of 0.5 catches", "fixed 0.5: late", digits=1),
    Claim("... ISO3's late catch relative to the best of these", "ISO3: of the best fixed weight"),
    Claim(
        "Reflex used for a food (sum of its absolute signal), ISO3: early", "ISO3: reflexes early"
    ),
    Claim("... late", "ISO3: reflexes late"),
    Claim("Without a gate (ISO, one filter) the weight has the wrong sign", "ISO: rho", most=0),
    Claim("... and the catch is below that of no learning: ratio", "ISO: gain", most=1),
    Claim(
        "... but with nothing delayed between eye and filter, the weight is",
        "ISO without delay: rho",
    ),
    Claim("... and the catch, relative to no learning", "ISO without delay: gain"),
    Claim("ISO3 with nothing delayed: catch, relative to no learning", "ISO3 without delay: gain"),
    Claim(
        "ICO, one filter, catches less than no learning: ratio", "ICO: gain", most=1, quick=False
    ),
    Claim(
        "A gate at the mouth instead of at touch: the weight has the wrong sign",
        "ISO3 gated at the mouth: rho",
        most=0,
    ),
    Claim(
        "A bank that learns as fast without a gate (ISO) fails: catch, relative to no learning",
        "ISO bank: gain",
        most=1,
        quick=False,
    ),
    Claim(
        "... part of the robots that catch less than without learning, or have a weight over 5",
        "ISO bank: robots that fail",
        least=0.5,
        quick=False,
    ),
    Claim("... largest weight, median robot", "ISO bank: largest rho", digits=1),
    Claim("... with the gate (ISO3) it more than doubles the catch", "ISO3 bank: gain", least=2),
    Claim(
        "... ten times as fast, the gate doesn't save it: catch, relative to no learning",
        "ISO3 bank, fast: gain",
    ),
    Claim(
        "A bank that learns slowly needs no gate: ISO", "ISO bank, slow: gain", least=2, quick=False
    ),
    Claim("... ICO", "ICO bank, slow: gain", least=2),
    Claim("... ICO's largest weight of all", "ICO bank, slow: most rho", "stable", most=2),
    Claim("Without a world, ICO's weight after 100 pairs (mu = 1e-4)", "ICO weight", digits=5),
    Claim(
        "... does not change when the reflex stops", "ICO change", "stable", most=1e-9, digits=12
    ),
    Claim(
        "... is proportional to the rate: largest relative difference",
        "ICO nonlinearity",
        most=1e-9,
        digits=12,
    ),
    Claim(
        "ISO's weight goes on changing: drift over 50 pulses of the predictor alone, mu = 1e-4",
        "ISO drift",
        "grows",
        least=0.01,
        digits=4,
    ),
    Claim("... mu = 1e-3", "ISO fast drift", "grows", least=0.01, digits=4),
    Claim(
        "ICO's change over the interval T is odd: largest w(T) + w(-1 - T)",
        "curve asymmetry",
        most=1e-12,
        digits=15,
    ),
    Claim("... its peak (mu = 1e-4, one pair)", "curve peak", digits=5),
    Claim("... at an interval of steps", "curve peak interval", digits=0),
    Claim("Steps until the weight is 0.25: a robot alone", "own: steps", digits=0),
    Claim("... a hundred that share one, changes summed", "team full rate: steps", digits=0),
    Claim("... so many times faster", "team full rate: faster", least=10, digits=0),
    Claim("... and they catch, in 10,000 steps", "team full rate: late", digits=1),
    Claim(
        "A hundred at a tenth of the rate: so many times faster",
        "team tenth of the rate: faster",
        least=3,
        digits=1,
    ),
    Claim("... and they catch, in 10,000 steps", "team tenth of the rate: late", digits=1),
    Claim("Seconds for all robots' lives, one thread of C++ standalone", "seconds", digits=0),
)
