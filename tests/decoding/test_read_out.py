"""Read-outs against scikit-learn's, of features in whatever form they are stored."""

import subprocess
import sys
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from hebbsim import LinearReadOut, PackedBits, decode
from hebbsim.decoding import features as stored

METHODS = ["ridge", "logistic", "svm", "hinge"]
ALPHA = 3.0


def spikes(n=150, n_features=21, n_classes=3, seed=0):
    """Return which neurons spiked, and a class that a part of them tells."""
    rng = np.random.default_rng(seed)
    spiked = rng.random((n, n_features)) < rng.uniform(0.1, 0.6, n_features)
    told = spiked @ rng.standard_normal((n_features, n_classes)) + rng.normal(size=(n, n_classes))
    return spiked, told.argmax(axis=1)


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["raw", "standardised"])
def standardize(request):
    return request.param


@pytest.fixture
def cut(monkeypatch):
    """Read features in parts of seven samples and fewer."""
    monkeypatch.setattr(stored, "_BYTES", 7 * 21 * 8)


def of_sklearn(method, features, labels):
    """Return weights and intercept of scikit-learn's own."""
    if method == "ridge":
        model = Ridge(ALPHA, solver="cholesky").fit(features, np.eye(3)[labels])
    elif method == "logistic":
        model = LogisticRegression(C=1 / ALPHA, tol=1e-10, max_iter=10_000).fit(features, labels)
    elif method == "svm":
        model = LinearSVC(C=1 / ALPHA, dual=False, tol=1e-10, max_iter=10_000)
        model.fit(features, labels)
    else:
        model = SGDClassifier(alpha=ALPHA / len(labels), average=True)
        model.set_params(random_state=np.random.RandomState(4))
        for _ in range(20):
            model.partial_fit(features, labels, classes=np.arange(3))
    return model.coef_, model.intercept_


@pytest.mark.parametrize("n_features", [20, 21])  # LAPACK packs them differently
def test_weights_are_those_of_scikit_learn(method, standardize, n_features, cut):
    spiked, labels = spikes(n_features=n_features)
    features = spiked * np.linspace(0.5, 2, n_features) + np.linspace(0, 1, n_features)
    scaler = StandardScaler(with_mean=standardize, with_std=standardize).fit(features)
    scaled = scaler.transform(features)
    if method == "hinge" and not standardize:
        scaled = scipy.sparse.csr_matrix(scaled)  # of which it takes intercepts to learn slower
    weights, intercept = of_sklearn(method, scaled, labels)
    if standardize:
        weights = weights / scaler.scale_
        intercept = intercept - weights @ scaler.mean_
    found = LinearReadOut(method, ALPHA, standardize, seed=4).fit(features, labels)
    exact = method in ("ridge", "hinge")
    assert_allclose(found.weights, weights, atol=1e-10 if exact else 2e-3)
    assert_allclose(found.intercept, intercept, atol=1e-9 if exact else 5e-3)


def test_ridge_with_more_features_than_samples(standardize, cut):
    spiked, labels = spikes(n=30, n_features=50)
    scaler = StandardScaler(with_mean=standardize, with_std=standardize)
    scaled = scaler.fit_transform(spiked.astype(float))
    model = Ridge(ALPHA, solver="cholesky").fit(scaled, np.eye(3)[labels])
    found = LinearReadOut("ridge", ALPHA, standardize).fit(spiked, labels)
    scale = scaler.scale_ if standardize else 1
    assert_allclose(found.weights, model.coef_ / scale, atol=1e-12)


def stored_as(form, spiked, folder):
    if form == "packed":
        return PackedBits.of(spiked)
    if form == "file":
        np.save(folder / f"{len(spiked)}.npy", spiked.astype(np.float16))
        return np.load(folder / f"{len(spiked)}.npy", mmap_mode="r")
    if form in ("csr", "csc", "coo"):
        return getattr(scipy.sparse, f"{form}_matrix")(spiked)
    if form == "sparse array":
        return scipy.sparse.csr_array(spiked.astype(np.float32))
    if form == "list":
        return spiked.astype(int).tolist()
    if form == "maps":
        return np.asfortranarray(spiked.reshape(-1, 3, 7, 1))
    return spiked.astype(form)


FORMS = ("bool", "uint8", "float32", "list", "maps", "packed", "file")
FORMS += ("csr", "csc", "coo", "sparse array")


@pytest.mark.parametrize(
    ("method", "form"),
    [
        *(("ridge", form) for form in FORMS),
        *(("svm", form) for form in FORMS),
        *((method, form) for method in ("logistic", "hinge") for form in ("packed", "csr")),
    ],
)
def test_features_may_be_stored_in_any_form(method, standardize, form, tmp_path, cut):
    spiked, labels = spikes()
    exact = spiked.astype(float)
    how = {"alpha": ALPHA, "standardize": standardize}
    expected = LinearReadOut(method, **how).fit(exact[:100], labels[:100])
    given = stored_as(form, spiked[:100], tmp_path)
    found = LinearReadOut(method, **how).fit(given, labels[:100])
    assert_allclose(found.weights, expected.weights, atol=5e-3)
    tested = stored_as(form, spiked[100:], tmp_path)
    told = expected.predict(exact[100:])
    assert (found.predict(tested) == told).mean() >= 0.98
    assert found.score(tested, told) >= 0.98
    accuracy = expected.score(exact[100:], labels[100:])
    assert decode(given, labels[:100], tested, labels[100:], method, **how) == pytest.approx(
        accuracy, abs=0.021
    )


def test_two_classes_of_the_hinge_loss_have_a_side_each():
    spiked, labels = spikes(n_classes=2)
    found = LinearReadOut("hinge", ALPHA).fit(spiked, labels)
    assert_array_equal(found.weights[0], -found.weights[1])
    assert found.score(spiked, labels) > 0.8


def test_samples_may_be_sorted_by_class(method, standardize, monkeypatch):
    """As in folders of images; what is read at a time holds some of each class."""
    monkeypatch.setattr("hebbsim.decoding.descent._SAMPLES", 40)
    spiked, labels = spikes(600, n_classes=6)
    order = np.argsort(labels, kind="stable")
    how = {"method": method, "alpha": ALPHA, "standardize": standardize}
    given = LinearReadOut(**how).fit(spiked, labels).score(spiked, labels)
    ordered = LinearReadOut(**how).fit(spiked[order], labels[order]).score(spiked, labels)
    assert ordered == pytest.approx(given, abs=0.04)


def test_classes_keep_their_names():
    spiked, labels = spikes()
    names = np.array(["cat", "dog", "newt"])
    found = LinearReadOut().fit(spiked, names[labels])
    assert_array_equal(found.classes, names)
    assert found.weights.shape == (3, 21)
    assert set(found.predict(spiked)) == set(names)


def peak_of_fit(read_out, features, labels):
    """Return the bytes that a read-out takes at most while it is fitted."""
    tracemalloc.start()
    read_out.fit(features, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("form", ["bool", "csr", "packed"])
def test_features_are_not_copied(method, form, tmp_path, monkeypatch):
    """Floats of all would take 6.4 MB, and sparse ones of 8 bytes 1 MB."""
    monkeypatch.setattr(stored, "_BYTES", 40_000)
    monkeypatch.setattr("hebbsim.decoding.descent._SAMPLES", 200)
    spiked, labels = spikes(4000, 200)
    given = stored_as(form, spiked & (np.random.default_rng(0).random(spiked.shape) < 0.1), "")
    few = LinearReadOut(method, standardize=form == "csr", max_iter=2)
    few.fit(given[:100], labels[:100])  # what is imported or kept
    assert peak_of_fit(few, given, labels) < 9e5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "method", "standardize"),
    [("bool", "svm", True), ("csr", "logistic", True), ("bool", "ridge", False)],
)
def test_two_gigabytes_are_enough_for_fifty_thousand_samples(form, method, standardize):
    script = f"""
import resource, warnings
import numpy as np, scipy.sparse
from hebbsim.decoding.read_out import LinearReadOut

warnings.simplefilter("ignore")
rng, n, n_features = np.random.default_rng(0), 50_000, 12_150
labels = rng.integers(0, 10, n)
rates = 0.2*rng.random((10, n_features))
parts = []
for start in range(0, n, 1000):
    drawn = rng.random((1000, n_features), np.float32) < rates[labels[start:start + 1000]]
    parts.append(drawn if {form == "bool"} else scipy.sparse.csr_matrix(drawn))
if {form == "bool"}:
    features = np.empty((n, n_features), bool)
    for number in range(50):
        features[1000*number:1000*(number + 1)], parts[number] = parts[number], None
else:
    features = scipy.sparse.vstack(parts, format="csr")
del parts
read_out = LinearReadOut({method!r}, standardize={standardize}, max_iter=3)
print(read_out.fit(features, labels).score(features[:2000], labels[:2000]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    accuracy, kilobytes = done.stdout.split()
    assert float(accuracy) > 0.9
    assert int(kilobytes) < 2e6


def test_too_few_steps_are_told():
    spiked, labels = spikes()
    with pytest.warns(ConvergenceWarning, match="after 2 iterations; give it more by max_iter="):
        LinearReadOut("svm", 1e-3, max_iter=2).fit(spiked, labels)


def test_constant_features_are_no_noise(method):
    """What a mean of 0.1 is off by rounding isn't scaled up."""
    spiked, labels = spikes()
    features = np.column_stack([spiked, np.full(len(spiked), 0.1)])
    found = LinearReadOut(method, standardize=True).fit(features, labels)
    assert np.abs(found.weights[:, -1]).max() < 1e-6
    assert found.score(features, labels) > 0.7


@pytest.mark.parametrize("method", ["logistic", "svm"])
@pytest.mark.parametrize("dtype", [np.float64, np.int16])
def test_large_offsets_cancel_nothing(method, dtype):
    spiked, labels = spikes(400)
    features = spiked + np.array(30_000, dtype=dtype)
    near = LinearReadOut(method, ALPHA).fit(spiked.astype(float), labels)
    far = LinearReadOut(method, ALPHA).fit(features, labels)
    assert_allclose(far.weights, near.weights, atol=5e-3)
    ridge = LinearReadOut(alpha=ALPHA).fit(features, labels)
    of_double = LinearReadOut(alpha=ALPHA).fit(features.astype(float), labels)
    assert_array_equal(ridge.predict(features), of_double.predict(features))


def test_a_search_goes_on_until_little_is_left():
    """Of features far from 0, whose slopes differ by their offset."""
    spiked, labels = spikes(400)
    features = spiked + 10.0
    model = LogisticRegression(C=1 / ALPHA, tol=1e-10, max_iter=10_000).fit(features, labels)
    found = LinearReadOut("logistic", ALPHA, standardize=False, max_iter=5000)
    assert_allclose(found.fit(features, labels).weights, model.coef_, atol=5e-3)


def test_tables_are_read_as_arrays():
    class Column:  # as that of a table: of one dtype, without shapes to choose
        def __init__(self, values):
            self.values, self.dtype, self.shape = values, values.dtype, values.shape

        def __getitem__(self, which):
            return Column(self.values[which])

        def __array__(self, dtype=None, copy=None):
            return self.values

    values, labels = np.array([0.0, 0.1, 5.0, 5.1]), np.array(["a", "a", "b", "b"], dtype=object)
    assert LinearReadOut().fit(Column(values), labels).score(Column(values), labels) == 1


@pytest.mark.parametrize("method", ["ridge", "hinge"])
def test_wide_features_are_read_in_small_parts(method, monkeypatch):
    """Floats of all would take 8 MB."""
    monkeypatch.setattr(stored, "_BYTES", 40_000)
    monkeypatch.setattr("hebbsim.decoding.descent._BYTES", 400_000)
    monkeypatch.setattr("hebbsim.decoding.ridge._BYTES", 400_000)
    spiked, labels = spikes(100, 10_000)
    read_out = LinearReadOut(method, standardize=True, max_iter=2)
    read_out.fit(spiked[:10], labels[:10])  # what is imported or kept
    assert peak_of_fit(read_out, spiked, labels) < 3e6


@pytest.mark.parametrize(("n", "n_features"), [(150, 21), (30, 50)])
def test_a_bar_is_full_when_all_is_done(method, n, n_features, monkeypatch):
    bars = []

    @contextmanager
    def progress_bar(text, total, show):
        assert text == f"read-out: {method}"
        bars.append([show, 0, total])

        class Bar:
            def advance(self, done):
                bars[-1][1] += done

        yield Bar()

    monkeypatch.setattr("hebbsim.decoding.read_out.progress_bar", progress_bar)
    spiked, labels = spikes(n, n_features)
    decode(spiked, labels, spiked, labels, method, progress=True)
    ((show, done, total),) = bars
    assert show
    assert done == total if method in ("ridge", "hinge") else 0 < done < total


def test_options_may_be_set_later():
    read_out = LinearReadOut()
    read_out.alpha = -1
    with pytest.raises(ValueError, match="alpha must be positive and finite, got -1"):
        read_out.fit(*spikes())
    assert LinearReadOut(max_iter=np.int64(5)) != LinearReadOut(max_iter=5)  # fitted apart


# What is refused


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.ma.masked_less([[1.0, 2.0], [3.0, 4.0]], 2), "must not be masked, got 1 values that"),
        (
            scipy.sparse.coo_array(np.array([1, 0])),
            r"must have shape \(n, n_features\), got \(2,\)",
        ),
        ([[1, 2], [3]], "training features are no array"),
    ],
)
def test_forms_that_cannot_be_read(features, message):
    with pytest.raises(ValueError, match=message):
        LinearReadOut().fit(features, [0, 1])


def test_a_penalty_that_is_too_small():
    spiked, labels = spikes()
    doubled = np.column_stack([spiked, spiked])
    with pytest.raises(ValueError, match="alpha=1e-30 is too small for these features"):
        LinearReadOut(alpha=1e-30).fit(doubled, labels)


def test_nothing_is_told_before_it_is_fitted():
    spiked, labels = spikes()
    for ask in (lambda r: r.predict(spiked), lambda r: r.score(spiked, labels)):
        with pytest.raises(RuntimeError, match="has not been fitted; call fit"):
            ask(LinearReadOut())


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"max_iter": 0}, "max_iter must be an integer from 1 on, got 0"),
        ({"max_iter": 2.5}, r"max_iter must be an integer from 1 on, got 2\.5"),
        ({"standardize": "no"}, "standardize must be True, False or None, got 'no'"),
        ({"seed": "x"}, "seed must be an integer from 0 on, got 'x'"),
        ({"alpha": "1"}, "alpha must be positive and finite, got '1'"),
        ({"method": "lasso"}, "unknown read-out 'lasso'"),
    ],
)
def test_options_out_of_range(how, message):
    with pytest.raises(ValueError, match=message):
        LinearReadOut(**how)


def test_what_is_wrong_with_tests_is_told_before_training(monkeypatch):
    spiked, labels = spikes()
    monkeypatch.setattr(LinearReadOut, "fit_samples", None)
    with pytest.raises(ValueError, match="same number of features, got 21 and 20"):
        decode(spiked, labels, spiked[:, :20], labels)
    with pytest.raises(ValueError, match="must be of one kind"):
        decode(spiked, labels, spiked, labels.astype(str))


def test_sparse_features_that_are_not_finite():
    spiked, labels = spikes()
    values = spiked.astype(float)
    values[9, 2] = np.nan
    values = scipy.sparse.csr_matrix(values)
    with pytest.raises(
        ValueError, match=r"NaN or infinity in 1 of 150 samples, the first at .* 9;"
    ):
        LinearReadOut().fit(values, labels)


# Bits


def test_bits_are_read_as_booleans():
    spiked, _ = spikes(7, 21)
    packed = PackedBits.of(spiked.reshape(7, 3, 7))
    assert packed.shape == (7, 21)
    assert packed.bits.shape == (7, 3)
    assert_array_equal(packed[2:5], spiked[2:5])
    assert_array_equal(packed[3], spiked[3])
    some = packed.samples([4, 1])
    assert_array_equal(some[:], spiked[[4, 1]])
    assert_array_equal(packed.samples(3)[:], spiked[3:4])
    assert_array_equal(packed[:, 3], spiked[:, 3])
    assert_array_equal(packed[1:4, 2:9], spiked[1:4, 2:9])
    assert packed[2, 5] == spiked[2, 5]
    assert "2 samples and 21 features" in repr(some)


@pytest.mark.parametrize(
    "bits", [np.zeros((3, 2), int), np.zeros((3, 3), np.uint8), np.zeros(2, np.uint8)]
)
def test_bits_of_another_form(bits):
    with pytest.raises(ValueError, match=r"bytes of shape \(n, 2\) for 9 features of one sample"):
        PackedBits(bits, 9)


@pytest.mark.parametrize("n_features", [0, 9.0])
def test_numbers_of_features(n_features):
    with pytest.raises(ValueError, match="n_features must be an integer from 1 on, got"):
        PackedBits(np.zeros((3, 2), np.uint8), n_features)


@pytest.mark.parametrize("values", [np.zeros((3, 2)), np.zeros((0, 2), bool), True])
def test_what_is_no_booleans_is_not_packed(values):
    with pytest.raises(ValueError, match=r"PackedBits must be booleans such as spiked > 0"):
        PackedBits.of(values)
