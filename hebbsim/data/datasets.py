"""
Labelled images: data sets known by name, and the user's own folders and ``.npz`` files.

Whatever the source, images come as `(n, channels, rows, cols)` arrays in the type they are stored
in. `as_float` turns a batch at a time into numbers between 0 and 1, so that a big set of bytes is
never copied whole into floating point.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hebbsim.errors import unknown

DATA_ROOT_VARIABLE = "HEBBSIM_DATA_ROOT"
TEST_FRACTION = 0.25
SPLIT_SEED = 0

type Images = NDArray[Any]
type Labels = NDArray[np.integer[Any]]
type StrPath = str | os.PathLike[str]

_CHANNEL_COUNTS = (1, 3, 4)
_LAYOUTS = ("channels_first", "channels_last")
_IMAGE_SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
_SPLIT_KEYS = ("train_images", "train_labels", "test_images", "test_labels")
_WHOLE_KEYS = ("images", "labels")
_NPZ_REMEDY = f"Expected an .npz file with {', '.join(_SPLIT_KEYS)}, or with images and labels"
_DAMAGE_REMEDY = "The file is damaged or of another kind: replace it or copy it again"


class DatasetError(ValueError):
    """A data set that is unknown, missing, damaged or not consistent."""


@dataclass(frozen=True, eq=False, repr=False)
class ImageDataset:
    """
    Hold labelled images, split into a training and a test set.

    Parameters
    ----------
    name : str
        A name that `load_dataset` accepts.
    train_images : array
        `(n_train, channels, rows, cols)`, of uint8 (0 to 255) or floating point, as stored.
    train_labels : array of int
        `(n_train,)`, the index of each image's class in `class_names`.
    test_images : array
        `(n_test, channels, rows, cols)`, as the training images.
    test_labels : array of int
        `(n_test,)`.
    class_names : tuple of str
        One name for each class.

    Raises
    ------
    DatasetError
        If a split is empty; if an array has another shape or type, or the two splits' images
        differ in shape; if there are not as many labels as images; if a label is no index of
        `class_names`; if an image holds NaN or infinity.
    """

    name: str
    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        self._check_split("training", self.train_images, self.train_labels)
        self._check_split("test", self.test_images, self.test_labels)
        test_shape = self.test_images.shape[1:]
        if test_shape != self.shape:
            raise self._error(
                f"training and test images must have one shape (channels, rows, cols), "
                f"got {self.shape} and {test_shape}"
            )

    def _check_split(self, split: str, images: Images, labels: Labels) -> None:
        if images.ndim != 4 or images.size == 0:
            raise self._error(
                f"{split} images must have shape (n, channels, rows, cols) and be at least one, "
                f"got {images.shape}"
            )
        if images.dtype != np.uint8 and images.dtype.kind != "f":
            raise self._error(
                f"{split} images must be of uint8 (0 to 255) or floating point, got {images.dtype}"
            )
        if labels.shape != (len(images),):
            raise self._error(
                f"there must be one label for each of the {len(images)} {split} images, "
                f"got labels of shape {labels.shape}"
            )
        if labels.dtype.kind not in "iu":
            raise self._error(f"{split} labels must be integers, got {labels.dtype}")
        if labels.min() < 0 or labels.max() >= self.n_classes:
            raise self._error(
                f"{split} labels must lie between 0 and {self.n_classes - 1} for "
                f"{self.n_classes} classes, got {labels.min()} to {labels.max()}"
            )
        # The extremes show NaN and infinity without a mask as large as the images.
        if not np.isfinite((images.min(), images.max())).all():
            bad = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))
            raise self._error(
                f"{split} images must be finite, got NaN or infinity in {len(bad)} of "
                f"{len(images)} images, the first at index {bad[0]}"
            )

    def _error(self, message: str) -> DatasetError:
        return DatasetError(f"data set '{self.name}': {message}")

    def __repr__(self) -> str:
        return (
            f"<ImageDataset '{self.name}': {len(self.train_images)} training and "
            f"{len(self.test_images)} test images of shape {self.shape}, {self.n_classes} classes>"
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape `(channels, rows, cols)` of one image."""
        channels, rows, cols = self.train_images.shape[1:]
        return channels, rows, cols

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    def subset(
        self, n_train: int | None = None, n_test: int | None = None, seed: int = 0
    ) -> "ImageDataset":
        """
        Choose images at random, without replacement.

        With one seed, a smaller choice is the beginning of a larger one, and the choice of the
        test images does not depend on that of the training images.

        Parameters
        ----------
        n_train, n_test : int, optional
            How many images of each split; None keeps a split as it is, in its order.
        seed : int, optional
            Seed of the choice, not negative.

        Returns
        -------
        ImageDataset
            The chosen images, with all the class names.

        Raises
        ------
        ValueError
            If a number is below 1 or above the number of images there are.
        """
        train = self._choose("training", len(self.train_images), n_train, (seed, 0))
        test = self._choose("test", len(self.test_images), n_test, (seed, 1))
        return ImageDataset(
            self.name,
            self.train_images[train],
            self.train_labels[train],
            self.test_images[test],
            self.test_labels[test],
            self.class_names,
        )

    def _choose(
        self, split: str, available: int, wanted: int | None, seed: tuple[int, int]
    ) -> NDArray[np.integer[Any]] | slice:
        if wanted is None:
            return slice(None)
        if not 1 <= index(wanted) <= available:
            raise ValueError(
                f"data set '{self.name}' has {available} {split} images, so that a subset can "
                f"have 1 to {available} of them, got {wanted}"
            )
        return np.random.default_rng(seed).permutation(available)[:wanted]


def as_float(images: Images) -> NDArray[np.floating]:
    """
    Give images as floating-point numbers.

    Parameters
    ----------
    images : array
        Of any shape, usually a batch `(n, channels, rows, cols)`; uint8 or floating point.

    Returns
    -------
    array
        In the shape given. Bytes are divided by 255, and so become float32 in [0, 1];
        floating-point images are returned as they are.

    Raises
    ------
    TypeError
        If the images have any other type.
    """
    if images.dtype == np.uint8:
        return np.divide(images, 255, dtype=np.float32)
    if images.dtype.kind == "f":
        return images
    raise TypeError(
        f"images must be of uint8 (0 to 255) or floating point, got {images.dtype}; convert them "
        f"first, with images.astype('uint8') if the values are 0 to 255"
    )


def available_datasets() -> tuple[str, ...]:
    """
    List the names that `load_dataset` knows.

    Returns
    -------
    tuple of str
        In alphabetical order.
    """
    return tuple(sorted(_LOADERS))


def load_dataset(
    name: StrPath, data_root: StrPath | None = None, download: bool = False
) -> ImageDataset:
    """
    Load a data set by its name, or the user's own images by their path.

    A known name comes before a file or folder of that name; write ``./digits`` for the folder.

    Parameters
    ----------
    name : str or path
        One of

        * ``'digits'``: the 1797 images of 8x8 that scikit-learn contains [1]_, as float32 in
          [0, 1]. A fixed quarter of each class, 451 images in all, is the test set.
        * ``'mnist'`` [2]_, ``'fashion-mnist'`` [3]_, ``'cifar10'`` [4]_: read by torchvision from
          `data_root`, as uint8, in the published split.
        * the path of a folder. Its sub-folders are the classes and hold the images (.png, .jpg
          and other usual formats; other files and what begins with a dot are passed over), which
          must all have one size and be all grey, all RGB or all RGBA. If there are folders
          ``train`` and ``test``, each holds such sub-folders; otherwise a fixed quarter of each
          class is the test set. Images are uint8.
        * the path of an ``.npz`` file with the arrays ``train_images``, ``train_labels``,
          ``test_images`` and ``test_labels``, or with ``images`` and ``labels``, of which a
          fixed quarter of each class is the test set. Images are `(n, rows, cols)`,
          `(n, channels, rows, cols)` or `(n, rows, cols, channels)`: channels are the axis of
          size 1, 3 or 4. Where both axes or none have such a size, the file must say which in a
          string ``layout``, ``'channels_first'`` or ``'channels_last'``. Labels are `(n,)`
          integers or strings; their sorted distinct values become the class names, unless the
          file has ``class_names``, which integer labels then index.
    data_root : str or path, optional
        The folder that holds torchvision's data sets. Defaults to the environment variable
        ``HEBBSIM_DATA_ROOT``.
    download : bool, optional
        Whether torchvision may download what is missing in `data_root`.

    Returns
    -------
    ImageDataset

    Raises
    ------
    DatasetError
        If the name is not known, no data root is given, or the data are missing, damaged or not
        consistent.

    References
    ----------
    .. [1] Alpaydin, E. and Kaynak, C. (1998). Optical recognition of handwritten digits. UCI
       Machine Learning Repository.
    .. [2] LeCun, Y., Bottou, L., Bengio, Y. and Haffner, P. (1998). Gradient-based learning
       applied to document recognition. Proceedings of the IEEE 86, 2278-2324.
    .. [3] Xiao, H., Rasul, K. and Vollgraf, R. (2017). Fashion-MNIST: a novel image dataset for
       benchmarking machine learning algorithms. arXiv 1708.07747.
    .. [4] Krizhevsky, A. (2009). Learning multiple layers of features from tiny images. Technical
       report, University of Toronto.
    """
    text = os.fspath(name)
    if isinstance(name, str) and name in _LOADERS:
        return _LOADERS[name](name, data_root, download)
    path = Path(name).expanduser()
    is_bare = isinstance(name, str) and path.name == text and path.suffix != ".npz"
    if not text or (is_bare and not path.exists()):
        raise DatasetError(
            f"{unknown('data set', text, available_datasets())}; or the path of a folder of "
            f"images or of an .npz file"
        )
    if path.is_dir():
        return _load_folder(path)
    if not path.exists():
        raise DatasetError(f"there is no file or folder '{path}'; check the path")
    if path.suffix != ".npz":
        raise DatasetError(
            f"'{path}' is no data set: expected a folder of images or an .npz file, got a file "
            f"with the suffix {path.suffix!r}"
        )
    return _load_npz(path)


@contextmanager
def _reading(what: str, remedy: str) -> Iterator[None]:
    """Turn whatever a library raises while it reads into a `DatasetError`."""
    try:
        yield
    except DatasetError:
        raise
    # Damaged files make zipfile, zlib, pickle, struct and Pillow raise a dozen kinds of error.
    except Exception as error:
        raise DatasetError(
            f"cannot read {what} ({type(error).__name__}: {error}). {remedy}"
        ) from error


def _split(labels: Labels) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw a fixed quarter of each class for testing: indices of both splits, ascending."""
    rng = np.random.default_rng(SPLIT_SEED)
    is_test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        is_test[members[: math.floor(TEST_FRACTION * len(members) + 0.5)]] = True
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def _split_whole(
    name: str, images: Images, labels: Labels, class_names: tuple[str, ...]
) -> ImageDataset:
    if len(labels) != len(images):
        raise DatasetError(
            f"data set '{name}': there must be one label for each of the {len(images)} images, "
            f"got {len(labels)}"
        )
    train, test = _split(labels)
    if len(test) == 0:
        raise DatasetError(
            f"data set '{name}' is too small to be split: expected at least 2 images in a class, "
            f"got {len(images)} in all"
        )
    return ImageDataset(name, images[train], labels[train], images[test], labels[test], class_names)


def _load_digits(name: str, data_root: StrPath | None, download: bool) -> ImageDataset:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = (digits.images[:, np.newaxis] / 16).astype(np.float32)
    return _split_whole(name, images, digits.target, tuple(map(str, digits.target_names)))


def _data_root(name: str, data_root: StrPath | None, download: bool) -> Path:
    given = os.environ.get(DATA_ROOT_VARIABLE) if data_root is None else data_root
    if not given:
        raise DatasetError(
            f"data set '{name}' is read from a folder, and none is given: pass data_root "
            f"(--data-root), or set the environment variable {DATA_ROOT_VARIABLE}"
        )
    root = Path(given).expanduser()
    if not download and not root.is_dir():
        raise DatasetError(
            f"data set '{name}': the data root '{root}' is no folder; check data_root "
            f"(--data-root, {DATA_ROOT_VARIABLE}), or load with download=True (--download)"
        )
    return root


def _load_torchvision(name: str, data_root: StrPath | None, download: bool) -> ImageDataset:
    from torchvision import datasets

    root = _data_root(name, data_root, download)
    kinds: dict[str, tuple[Any, Callable[[Any, Path], str | None]]] = {
        "mnist": (datasets.MNIST, _mnist_fault),
        "fashion-mnist": (datasets.FashionMNIST, _mnist_fault),
        "cifar10": (datasets.CIFAR10, _cifar_fault),
    }
    kind, find_fault = kinds[name]
    try:
        train = kind(root, train=True, download=download)
        test = kind(root, train=False, download=download)
    # torchvision lets through what its parsers raise: assertions, struct, pickle and torch errors.
    except Exception as error:
        fault = find_fault(kind, root)
        reason = f" ({type(error).__name__}: {error})" if download or fault is None else ""
        raise DatasetError(
            f"cannot load the data set '{name}' from '{root}': "
            f"{fault or 'its files are damaged'}{reason}. Check data_root (--data-root, "
            f"{DATA_ROOT_VARIABLE}), or delete damaged files and load with download=True "
            f"(--download)"
        ) from error
    return ImageDataset(
        name,
        _torchvision_images(train.data),
        np.asarray(train.targets, dtype=np.int64),
        _torchvision_images(test.data),
        np.asarray(test.targets, dtype=np.int64),
        tuple(train.classes),
    )


def _torchvision_images(data: Any) -> Images:
    """Bring torchvision's `(n, rows, cols)` or `(n, rows, cols, channels)` into our order."""
    images = np.asarray(data)
    if images.ndim == 3:
        return images[:, np.newaxis]
    return np.ascontiguousarray(np.moveaxis(images, -1, 1))


def _mnist_fault(kind: Any, root: Path) -> str | None:
    """Say which idx file is missing, or is not as long as its header says."""
    for file, _ in kind.resources:
        path = root / kind.__name__ / "raw" / Path(file).stem
        if not path.is_file():
            return f"'{path}' is missing"
        n_dims = 3 if "idx3" in file else 1
        offset = 4 * (1 + n_dims)
        with path.open("rb") as stream:
            header = stream.read(offset)
        if len(header) < offset or header[:4] != bytes((0, 0, 8, n_dims)):
            return f"'{path}' is damaged: it does not begin as an idx file"
        expected = offset + math.prod(np.frombuffer(header, dtype=">u4")[1:].tolist())
        got = path.stat().st_size
        if got != expected:
            return (
                f"'{path}' is damaged: expected {expected} bytes by its own header, got {got} bytes"
            )
    return None


def _cifar_fault(kind: Any, root: Path) -> str | None:
    """Say which batch is missing, or has another checksum than the published one."""
    from torchvision.datasets.utils import check_integrity

    meta = (kind.meta["filename"], kind.meta["md5"])
    for file, checksum in (*kind.train_list, *kind.test_list, meta):
        path = root / kind.base_folder / file
        if not path.is_file():
            return f"'{path}' is missing"
        if not check_integrity(path, checksum):
            return f"'{path}' is damaged: its checksum is not the published one"
    return None


def _load_folder(path: Path) -> ImageDataset:
    splits = [path / "train", path / "test"]
    is_split = all(folder.is_dir() for folder in splits)
    classes = [_class_folders(folder) for folder in (splits if is_split else [path])]
    names = sorted({folder.name for split in classes for folder in split})
    files: list[Path] = []
    labels: list[int] = []
    n_train = 0
    for split in classes:
        n_train = len(files)
        for folder in split:
            found = _image_files(folder)
            files += found
            labels += [names.index(folder.name)] * len(found)
    images, indices = _read_images(files), np.array(labels)
    if not is_split:
        return _split_whole(str(path), images, indices, tuple(names))
    return ImageDataset(
        str(path),
        images[:n_train],
        indices[:n_train],
        images[n_train:],
        indices[n_train:],
        tuple(names),
    )


def _class_folders(folder: Path) -> list[Path]:
    found = sorted(
        entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    if not found:
        raise DatasetError(
            f"'{folder}' holds no sub-folders: expected one for each class, with its images in it"
        )
    return found


def _image_files(folder: Path) -> list[Path]:
    found = sorted(
        entry
        for entry in folder.iterdir()
        if entry.suffix.lower() in _IMAGE_SUFFIXES and not entry.name.startswith(".")
    )
    if not found:
        raise DatasetError(
            f"the class folder '{folder}' holds no images: expected files that end in "
            f"{', '.join(sorted(_IMAGE_SUFFIXES))}. A split needs both a 'train' and a 'test' "
            f"folder, with the class folders in them"
        )
    return found


def _read_images(files: Sequence[Path]) -> NDArray[np.uint8]:
    """Read images of one size into `(n, channels, rows, cols)`."""
    first = _read_image(files[0])
    images = np.empty((len(files), *first.shape), dtype=np.uint8)
    for position, file in enumerate(files):
        image = _read_image(file)
        if image.shape != first.shape:
            raise DatasetError(
                f"image '{file}': expected (channels, rows, cols) {first.shape} as in "
                f"'{files[0]}', got {image.shape}. Convert the images to one size and mode first"
            )
        images[position] = image
    return images


def _read_image(file: Path) -> NDArray[np.uint8]:
    """Read one image as `(channels, rows, cols)`."""
    from PIL import Image

    with _reading(f"the image '{file}'", _DAMAGE_REMEDY), Image.open(file) as image:
        palette = "RGBA" if image.has_transparency_data else "RGB"
        modes = {"1": "L", "L": "L", "P": palette, "RGB": "RGB", "RGBA": "RGBA"}
        if image.mode not in modes:
            raise DatasetError(
                f"image '{file}': expected 8 bits of grey, RGB or RGBA, got the mode "
                f"'{image.mode}'. Convert it first"
            )
        pixels = np.asarray(image.convert(modes[image.mode]))
    return pixels[np.newaxis] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def _load_npz(path: Path) -> ImageDataset:
    name = str(path)
    with _reading(f"'{path}'", f"{_DAMAGE_REMEDY}. {_NPZ_REMEDY}"):
        arrays = _read_npz(path)
    keys = next((k for k in (_SPLIT_KEYS, _WHOLE_KEYS) if arrays.keys() >= set(k)), None)
    if keys is None:
        raise DatasetError(f"'{path}' holds {sorted(arrays) or 'nothing'}. {_NPZ_REMEDY}")
    layout = str(arrays["layout"]) if "layout" in arrays else None
    if layout is not None and layout not in _LAYOUTS:
        raise DatasetError(f"'{path}': {unknown('layout', layout, _LAYOUTS)}")
    images = [_channels_first(path, key, arrays[key], layout) for key in keys[::2]]
    labels, class_names = _index_labels(
        path, [arrays[key] for key in keys[1::2]], arrays.get("class_names")
    )
    if keys is _WHOLE_KEYS:
        return _split_whole(name, images[0], labels[0], class_names)
    return ImageDataset(name, images[0], labels[0], images[1], labels[1], class_names)


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    # Given a path, np.load leaves a damaged file open.
    with path.open("rb") as stream:
        loaded = np.load(stream, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            raise DatasetError(f"'{path}' holds a single array. {_NPZ_REMEDY}")
        with loaded:
            return {key: loaded[key] for key in loaded.files}


def _channels_first(path: Path, key: str, images: Images, layout: str | None) -> Images:
    if images.ndim == 3:
        return images[:, np.newaxis]
    if images.ndim != 4:
        raise DatasetError(
            f"'{path}': {key} must have shape (n, rows, cols), (n, channels, rows, cols) or "
            f"(n, rows, cols, channels), got {images.shape}"
        )
    if layout is None:
        candidates = [
            candidate
            for candidate, axis in zip(_LAYOUTS, (1, 3), strict=True)
            if images.shape[axis] in _CHANNEL_COUNTS
        ]
        if len(candidates) != 1:
            raise DatasetError(
                f"'{path}': cannot tell which axis of {key} holds the channels: expected 1, 3 or "
                f"4 channels on axis 1 or else on axis 3, got {images.shape}. Add a string "
                f"layout='channels_first' or 'channels_last' to the file"
            )
        layout = candidates[0]
    if layout == "channels_first":
        return images
    return np.ascontiguousarray(np.moveaxis(images, -1, 1))


def _index_labels(
    path: Path, splits: list[NDArray[Any]], class_names: NDArray[Any] | None
) -> tuple[list[Labels], tuple[str, ...]]:
    """Replace labels by indices of class names."""
    for labels in splits:
        if labels.ndim != 1 or labels.dtype.kind not in "iubU":
            raise DatasetError(
                f"'{path}': labels must be integers or strings of shape (n,), got {labels.dtype} "
                f"of shape {labels.shape}"
            )
    if class_names is not None:
        return splits, tuple(map(str, class_names.ravel()))
    values, indices = np.unique(np.concatenate(splits), return_inverse=True)
    ends = np.cumsum([len(labels) for labels in splits])
    return np.split(indices, ends[:-1]), tuple(map(str, values))


_LOADERS: dict[str, Callable[[str, StrPath | None, bool], ImageDataset]] = {
    "cifar10": _load_torchvision,
    "digits": _load_digits,
    "fashion-mnist": _load_torchvision,
    "mnist": _load_torchvision,
}
