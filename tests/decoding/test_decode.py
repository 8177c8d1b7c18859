import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hebbsim.data.load import load_dataset
from hebbsim.decoding.decode import decode

METHODS = ["ridge", "logistic", "svm"]


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def blobs(n=60, n_classes=3, shape=(4,), distance=0.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    centres = distance * rng.standard_normal((n_classes, *shape))
    return rng.standard_normal((n, *shape)) + centres[labels], labels


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


# What the read-outs compute


@pytest.mark.parametrize("alpha", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("n_features", [5, 80])
def test_ridge_solves_the_normal_equations(alpha, n_features):
    features, labels = blobs(90, 4, (n_features,), distance=0.3)
    train, test = features[:60], features[60:]
    one_hot = np.eye(4)[labels[:60]]
    centred = train - train.mean(axis=0)
    weights = np.linalg.solve(
        centred.T @ centred + alpha * np.eye(n_features),
        centred.T @ (one_hot - one_hot.mean(axis=0)),
    )
    outputs = (test - train.mean(axis=0)) @ weights + one_hot.mean(axis=0)
    expected = np.mean(outputs.argmax(axis=1) == labels[60:])
    assert 0.2 < expected < 1
    assert decode(train, labels[:60], test, labels[60:], alpha=alpha) == expected


@pytest.mark.parametrize(
    ("method", "expected"), [("ridge", 0.93), ("logistic", 0.96), ("svm", 0.95)]
)
def test_digits(digits, method, expected):
    accuracy = decode(
        digits.train_images, digits.train_labels, digits.test_images, digits.test_labels, method
    )
    assert accuracy == pytest.approx(expected, abs=0.015)


def test_separable_classes_are_told_apart(method):
    features, labels = blobs(distance=20)
    accuracy = decode(features[:40], labels[:40], features[40:], labels[40:], method)
    assert type(accuracy) is float
    assert accuracy == 1


def test_two_classes(method):
    features, labels = blobs(n_classes=2, distance=20)
    assert decode(features[:40], labels[:40], features[40:], labels[40:], method) == 1


def test_shuffled_labels_are_told_at_chance(method):
    features, _ = blobs(2000)
    labels = np.random.default_rng(1).integers(0, 2, 2000)
    accuracy = decode(features[:1000], labels[:1000], features[1000:], labels[1000:], method)
    assert accuracy == pytest.approx(0.5, abs=0.07)


def test_only_training_decides(method):
    features, labels = blobs(distance=1)
    together = decode(features[:40], labels[:40], features[40:], labels[40:], method)
    apart = [
        decode(features[:40], labels[:40], features[i : i + 1], labels[i : i + 1], method)
        for i in range(40, 60)
    ]
    assert np.mean(apart) == pytest.approx(together)


@pytest.mark.parametrize("method", ["logistic", "svm"])
def test_standardised_methods_ignore_the_scale_of_features(method):
    features, labels = blobs(200, distance=0.7)
    scaled = features * [1, 1e-3, 1e3, 7] + [0, 5, -1e4, 1]
    plain = decode(features[:100], labels[:100], features[100:], labels[100:], method)
    assert decode(scaled[:100], labels[:100], scaled[100:], labels[100:], method) == plain


@pytest.mark.parametrize("method", ["ridge", "logistic"])
def test_a_large_alpha_leaves_only_the_commonest_class(method):
    features, labels = blobs(distance=20)
    labels = np.minimum(labels, 1)
    split = features[:40], labels[:40], features[40:], labels[40:]
    assert decode(*split, method, alpha=1e-3) == 1
    assert decode(*split, method, alpha=1e9) == labels[40:].mean()


def test_features_are_flattened(method):
    features, labels = blobs(shape=(2, 3, 2), distance=0.5)
    flat = features.reshape(60, -1)
    expected = decode(flat[:40], labels[:40], flat[40:], labels[40:], method)
    assert decode(features[:40], labels[:40], features[40:], labels[40:], method) == expected


def test_one_feature_a_sample_may_be_a_vector(method):
    values, labels = np.array([0.0, 0.1, 5.0, 5.1]), [0, 0, 1, 1]
    assert decode(values, labels, values, labels, method) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int64, bool])
def test_features_of_other_types(method, dtype):
    features = np.tile(np.eye(3), (5, 1)).astype(dtype)
    labels = np.tile(np.arange(3), 5)
    assert decode(features, labels, features, labels, method) == 1


def test_labels_may_be_strings(method):
    features, labels = blobs(distance=20)
    names = np.array(["cat", "dog", "newt"])[labels]
    assert decode(features[:40], names[:40], features[40:], names[40:], method) == 1


@given(st.lists(st.integers(-5, 300), min_size=3, max_size=3, unique=True))
def test_labels_may_be_any_integers(values):
    features, labels = blobs(distance=20)
    named = np.array(values)[labels]
    assert decode(features[:40], named[:40], features[40:], named[40:]) == 1


def test_a_class_that_training_lacks_is_missed(method):
    features, labels = blobs(distance=20)
    train = labels < 2
    assert decode(features[train], labels[train], features, labels, method) == pytest.approx(2 / 3)


def test_constant_features_do_no_harm(method):
    features, labels = blobs(distance=20)
    features[:, 1] = 3
    assert decode(features[:40], labels[:40], features[40:], labels[40:], method) == 1


def test_the_given_features_are_left_unchanged(method):
    features, labels = blobs()
    before = features.copy()
    decode(features, labels, features, labels, method)
    np.testing.assert_array_equal(features, before)


def test_the_result_is_reproducible(method):
    features, labels = blobs(distance=0.5)
    split = features[:40], labels[:40], features[40:], labels[40:]
    assert decode(*split, method, seed=3) == decode(*split, method, seed=3)


# What is refused


def test_unknown_method():
    features, labels = blobs()
    with pytest.raises(ValueError, match="unknown read-out 'rigde'; did you mean 'ridge'"):
        decode(features, labels, features, labels, "rigde")


@pytest.mark.parametrize("alpha", [0, -1, np.nan, np.inf])
def test_alpha_must_be_positive(alpha):
    features, labels = blobs()
    with pytest.raises(ValueError, match="alpha must be positive and finite, got"):
        decode(features, labels, features, labels, alpha=alpha)


def test_different_numbers_of_features():
    features, labels = blobs()
    with pytest.raises(ValueError, match=r"same number of features, got 4 and 3, .*\(60, 3\)"):
        decode(features, labels, features[:, :3], labels)


@pytest.mark.parametrize("split", ["training", "test"])
class TestEachSplit:
    def decode(self, split, features=None, labels=None):
        good_features, good_labels = blobs()
        bad = (
            good_features if features is None else features,
            good_labels if labels is None else labels,
        )
        good = good_features, good_labels
        return decode(*bad, *good) if split == "training" else decode(*good, *bad)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_features_that_are_not_finite(self, split, value):
        features, _ = blobs()
        features[7, 2] = value
        with pytest.raises(ValueError, match=f"{split} features .* 1 of 60 .* at index 7"):
            self.decode(split, features=features)

    def test_another_number_of_labels(self, split):
        with pytest.raises(ValueError, match=f"each of the 60 {split} samples, got 59 labels"):
            self.decode(split, labels=np.arange(59) % 3)

    @pytest.mark.parametrize("features", [np.zeros((0, 4)), np.zeros((60, 0)), np.float64(1)])
    def test_no_features(self, split, features):
        with pytest.raises(ValueError, match=f"{split} features must .* at least one"):
            self.decode(split, features=features)

    def test_features_that_are_not_real_numbers(self, split):
        with pytest.raises(ValueError, match=f"{split} features must be real .* got complex128"):
            self.decode(split, features=blobs()[0] + 1j)

    @pytest.mark.parametrize("labels", [np.eye(3)[np.arange(60) % 3].astype(int), np.ones(60)])
    def test_labels_of_another_form(self, split, labels):
        with pytest.raises(ValueError, match=f"{split} labels must be integers or strings"):
            self.decode(split, labels=labels)

    def test_labels_of_another_kind(self, split):
        with pytest.raises(ValueError, match="labels must be of one kind, got"):
            self.decode(split, labels=np.array(["a", "b", "c"])[np.arange(60) % 3])


def test_a_single_class():
    features, labels = blobs()
    with pytest.raises(ValueError, match="at least two classes, got only"):
        decode(features, np.zeros(60, int), features, labels)
