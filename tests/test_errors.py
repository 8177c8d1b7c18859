import pytest

from hebbsim.errors import closest, unknown

NAMES = ["digits", "fashion-mnist", "mnist"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("fashion_mnst", "fashion-mnist"),
        ("MNIST", "mnist"),
        ("Digit", "digits"),
        ("imagenet-21k", None),
        ("", None),
        (7, None),
    ],
)
def test_closest(given, expected):
    assert closest(given, NAMES) == expected


def test_closest_gives_a_known_name_as_it_is_spelt():
    assert closest("rewardgated", ["RewardGated", "Oja"]) == "RewardGated"


def test_closest_without_known_names():
    assert closest("mnist", []) is None


def test_unknown_with_a_guess():
    assert unknown("data set", "fashion_mnst", NAMES) == (
        "unknown data set 'fashion_mnst'; did you mean 'fashion-mnist'? "
        "Known: digits, fashion-mnist, mnist"
    )


def test_unknown_without_a_guess():
    assert unknown("rule", 3, NAMES) == "unknown rule 3. Known: digits, fashion-mnist, mnist"


def test_unknown_takes_an_iterator():
    assert unknown("rule", "oja", iter(["Oja", "Hebb"])) == (
        "unknown rule 'oja'; did you mean 'Oja'? Known: Oja, Hebb"
    )
