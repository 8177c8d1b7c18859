import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim.data.filters import difference_of_gaussians, on_off_channels, standardize
from hebbsim.data.preprocessing import PREPROCESSING, make_preprocessing
from hebbsim.data.zca import ZCA

MAPS = [standardize, difference_of_gaussians, on_off_channels]


def correlated_images(n=400, shape=(2, 3, 4), seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    d = int(np.prod(shape))
    mixed = rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal(d)
    return mixed.reshape(n, *shape).astype(dtype)


def covariance(images):
    samples = images.reshape(len(images), -1)
    samples = samples - samples.mean(axis=0)
    return samples.T @ samples / len(samples)


# Input that every function refuses


@pytest.fixture(params=[*MAPS, ZCA().fit, ZCA().fit(correlated_images()).transform])
def function(request):
    return request.param


def test_bytes_are_refused_with_a_hint(function):
    with pytest.raises(TypeError, match=r"float32 or float64, got uint8; .*as_float"):
        function(np.zeros((2, 2, 3, 4), np.uint8))


def test_other_types_are_refused(function):
    with pytest.raises(TypeError, match=r"got int64; .*astype\('float32'\)"):
        function(np.zeros((2, 2, 3, 4), np.int64))


def test_another_number_of_axes_is_refused(function):
    with pytest.raises(ValueError, match=r"\(n, channels, rows, cols\), got \(2, 3, 4\)"):
        function(np.zeros((2, 3, 4)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(function, value):
    images = correlated_images(5)
    images[3, 1, 2, 0] = value
    with pytest.raises(ValueError, match=r"in 1 of 5 images, the first at index 3"):
        function(images)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function", MAPS)
def test_maps_keep_the_type_and_their_input(function, dtype):
    images = correlated_images(6, dtype=dtype)
    before = images.copy()
    assert function(images).dtype == dtype
    assert_array_equal(images, before)


@pytest.mark.parametrize("function", MAPS)
def test_maps_take_no_images(function):
    assert len(function(np.zeros((0, 2, 3, 4)))) == 0


# standardize


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
        elements=st.integers(-1000, 1000).map(lambda value: value / 8),
    ),
    st.sampled_from([np.float32, np.float64]),
)
def test_standardized_images_have_mean_0_and_deviation_1(images, dtype):
    result = standardize(images.astype(dtype))
    contrast = images.std(axis=(1, 2, 3)) > 0
    tolerance = 2e-3 if dtype == np.float32 else 1e-6
    assert result.shape == images.shape
    assert_allclose(result.mean(axis=(1, 2, 3)), 0, atol=tolerance)
    assert_allclose(result.std(axis=(1, 2, 3)), contrast, atol=tolerance)


@given(st.floats(-1e6, 1e6, width=32), st.sampled_from([np.float32, np.float64]))
def test_a_constant_image_becomes_exactly_0(value, dtype):
    assert_array_equal(standardize(np.full((1, 3, 7, 5), value, dtype)), 0)


def test_standardize_closed_form():
    image = np.array([[[[1.0, 2.0], [3.0, 6.0]]]])
    expected = (image - 3) / (np.sqrt(3.5) + 0.5)
    assert_allclose(standardize(image, eps=0.5), expected, rtol=1e-12)


def test_each_image_is_standardized_for_itself():
    images = correlated_images(3)
    for image, result in zip(images, standardize(images), strict=True):
        assert_allclose(result, standardize(image[None])[0], rtol=1e-12)


@pytest.mark.parametrize("eps", [-1e-9, np.nan, np.inf])
def test_eps_must_not_be_negative(eps):
    with pytest.raises(ValueError, match="eps must be finite and not negative"):
        standardize(correlated_images(2), eps=eps)


# Difference of Gaussians, ON and OFF


def test_difference_of_gaussians_is_0_on_a_constant_image():
    assert_allclose(difference_of_gaussians(np.full((1, 1, 9, 9), 0.7)), 0, atol=1e-14)


def test_difference_of_gaussians_of_a_point():
    images = np.zeros((1, 2, 41, 41))
    images[0, 1, 20, 20] = 1
    result = difference_of_gaussians(images, sigma_centre=2, sigma_surround=3.2)
    offsets = np.arange(-20, 21)
    distance2 = offsets[:, None] ** 2 + offsets**2
    expected = sum(
        sign * np.exp(-distance2 / (2 * sigma**2)) / (2 * np.pi * sigma**2)
        for sign, sigma in ((1, 2), (-1, 3.2))
    )
    assert_array_equal(result[0, 0], 0)
    assert_allclose(result[0, 1], expected, atol=1e-5)
    assert_allclose(result[0, 1].sum(), 0, atol=1e-12)


@pytest.mark.parametrize("widths", [(0, 1), (-1, 1), (2, 1), (1, 1), (1, np.inf), (np.nan, 1)])
def test_widths_must_be_positive_and_ordered(widths):
    with pytest.raises(ValueError, match="0 < sigma_centre < sigma_surround, got"):
        difference_of_gaussians(correlated_images(2), *widths)


def test_on_off_channels():
    images = np.array([[[[1.5, -2.0, 0.0]], [[-1.0, 3.0, -0.0]]]])
    expected = np.array([[[[1.5, 0, 0]], [[0, 3, 0]], [[0, 2, 0]], [[1, 0, 0]]]])
    assert_array_equal(on_off_channels(images), expected)


@given(hnp.arrays(np.float64, (2, 3, 2, 2), elements=st.floats(-10, 10)))
def test_on_less_off_is_the_signed_image(images):
    result = on_off_channels(images)
    on, off = result[:, :3], result[:, 3:]
    assert (result >= 0).all()
    assert_array_equal(on * off, 0)
    assert_array_equal(on - off, images)


# ZCA


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-6), (np.float32, 2e-3)])
def test_zca_whitened_covariance_is_the_identity(dtype, tolerance):
    images = correlated_images(dtype=dtype)
    whitened = ZCA(epsilon=1e-12).fit_transform(images)
    assert whitened.shape == images.shape
    assert whitened.dtype == dtype
    assert_allclose(covariance(whitened.astype(np.float64)), np.eye(24), atol=tolerance)
    assert_allclose(whitened.mean(axis=0), 0, atol=tolerance)


def test_zca_without_epsilon_whitens_exactly():
    whitened = ZCA(epsilon=0).fit_transform(correlated_images())
    assert_allclose(covariance(whitened), np.eye(24), atol=1e-8)


def test_zca_matrix_is_the_symmetric_root_of_the_inverse():
    images = correlated_images()
    zca = ZCA(epsilon=0.1).fit(images)
    assert_allclose(zca.whitening_, zca.whitening_.T, atol=1e-12)
    assert (np.linalg.eigvalsh(zca.whitening_) > 0).all()
    inverse = np.linalg.inv(covariance(images) + 0.1 * np.eye(24))
    assert_allclose(zca.whitening_ @ zca.whitening_, inverse, rtol=1e-8, atol=1e-10)
    assert_allclose(zca.mean_, images.reshape(400, -1).mean(axis=0))
    assert zca.shape_ == (2, 3, 4)


def test_zca_as_in_the_notebook():
    images = standardize(correlated_images())
    zca = ZCA(center=False, divide_by="dimensions").fit(images)
    samples = images.reshape(400, -1)
    values, vectors = np.linalg.eigh(samples.T @ samples / 24 + 1e-3 * np.eye(24))
    matrix = vectors @ np.diag(values**-0.5) @ vectors.T
    assert_array_equal(zca.mean_, 0)
    assert_allclose(zca.whitening_, matrix, rtol=1e-8, atol=1e-9)
    expected = (matrix @ samples.T).T.reshape(images.shape)
    assert_allclose(zca.transform(images), expected, rtol=1e-8, atol=1e-8)


def test_zca_covariance_does_not_depend_on_the_chunks(monkeypatch):
    images = correlated_images()
    whole = ZCA().fit(images)
    monkeypatch.setattr("hebbsim.data.zca._FIT_CHUNK", 7)
    assert_allclose(ZCA().fit(images).whitening_, whole.whitening_, rtol=1e-8, atol=1e-10)


def test_zca_of_fewer_images_than_dimensions():
    images = correlated_images(5)
    assert np.isfinite(ZCA().fit_transform(images)).all()
    with pytest.raises(ValueError, match=r"5 images of 24 dimensions is singular .*epsilon"):
        ZCA(epsilon=0).fit(images)


def test_zca_transform_takes_the_type_of_its_images():
    zca = ZCA().fit(correlated_images(dtype=np.float64))
    assert zca.transform(correlated_images(3, dtype=np.float32)).dtype == np.float32


def test_zca_refuses_another_shape():
    zca = ZCA().fit(correlated_images())
    with pytest.raises(ValueError, match=r"fitted on .* \(2, 3, 4\), got \(2, 4, 3\)"):
        zca.transform(correlated_images(3, (2, 4, 3)))


def test_zca_refuses_no_images():
    with pytest.raises(ValueError, match="at least one image"):
        ZCA().fit(np.zeros((0, 1, 2, 2)))


@pytest.mark.parametrize("use", ["transform", "save"])
def test_zca_must_be_fitted(use, tmp_path):
    argument = correlated_images(2) if use == "transform" else tmp_path / "zca.npz"
    with pytest.raises(RuntimeError, match=f"not fitted; call fit .* before {use}"):
        getattr(ZCA(), use)(argument)


@pytest.mark.parametrize("epsilon", [-1e-3, np.nan, np.inf])
def test_zca_epsilon_must_not_be_negative(epsilon):
    with pytest.raises(ValueError, match="epsilon must be finite and not negative"):
        ZCA(epsilon)


def test_zca_unknown_divisor():
    with pytest.raises(ValueError, match="divisor 'sample'; did you mean 'samples'"):
        ZCA(divide_by="sample")


def test_zca_repr_leaves_defaults_out():
    assert repr(ZCA()) == "ZCA()"
    assert repr(ZCA(0.1, center=False)) == "ZCA(epsilon=0.1, center=False)"


@pytest.mark.parametrize("file_name", ["zca.npz", "zca", "zca.v2"])
def test_zca_save_and_load(tmp_path, file_name):
    images = correlated_images(dtype=np.float32)
    zca = ZCA(0.01, center=False, divide_by="dimensions").fit(images)
    path = zca.save(tmp_path / file_name)
    left = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"exists; give overwrite=True to replace it, or an"):
        ZCA().fit(2 * correlated_images()).save(tmp_path / file_name)
    assert path.read_bytes() == left
    zca.save(tmp_path / file_name, overwrite=True)
    assert path.read_bytes() == left
    assert path.is_file()
    assert path.suffix == ".npz"
    loaded = ZCA.load(path)
    assert repr(loaded) == repr(zca)
    assert loaded.shape_ == zca.shape_
    assert_array_equal(loaded.transform(images), zca.transform(images))


def test_zca_load_of_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        ZCA.load(tmp_path / "nothing.npz")


@pytest.mark.parametrize("damage", ["truncated", "other arrays", "text"])
def test_zca_load_of_a_damaged_file(tmp_path, damage):
    path = ZCA().fit(correlated_images()).save(tmp_path / "zca.npz")
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-30])
    elif damage == "other arrays":
        np.savez(path, images=np.zeros(3))
    else:
        path.write_text("no arrays")
    with pytest.raises(ValueError, match=r"cannot read a ZCA from '.*zca\.npz' .*ZCA\.save"):
        ZCA.load(path)


# The table


@pytest.mark.parametrize("name", PREPROCESSING)
def test_every_preprocessing_keeps_shape_and_type(name):
    images = correlated_images(shape=(1, 5, 5), dtype=np.float32)
    preprocessing = make_preprocessing(name)
    assert preprocessing.name == name
    assert preprocessing.fit(images) is preprocessing
    result = preprocessing.transform(images)
    assert result.shape == images.shape
    assert result.dtype == np.float32
    assert_allclose(preprocessing.fit_transform(images), result)
    # BLAS may round products of another shape in another order
    assert_allclose(preprocessing.transform(images[:7]), result[:7], atol=1e-5)


def test_what_the_names_mean():
    images = correlated_images()
    expected = {
        "none": images,
        "standardize": standardize(images),
        "dog": difference_of_gaussians(images),
        "zca": ZCA().fit_transform(standardize(images)),
    }
    assert expected.keys() == PREPROCESSING.keys()
    for name, result in expected.items():
        assert_array_equal(make_preprocessing(name).fit_transform(images), result)


@pytest.mark.parametrize("name", PREPROCESSING)
def test_every_preprocessing_checks_its_images(name):
    with pytest.raises(TypeError, match="got uint8"):
        make_preprocessing(name).fit(np.zeros((2, 1, 3, 3), np.uint8))
    with pytest.raises(TypeError, match="got uint8"):
        make_preprocessing(name).transform(np.zeros((2, 1, 3, 3), np.uint8))


def test_each_zca_is_made_anew():
    make_preprocessing("zca").fit(correlated_images())
    with pytest.raises(RuntimeError, match="not fitted"):
        make_preprocessing("zca").transform(correlated_images())


def test_unknown_preprocessing():
    with pytest.raises(ValueError, match="unknown preprocessing 'ZCA '; did you mean 'zca'"):
        make_preprocessing("ZCA ")
