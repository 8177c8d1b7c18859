"""Loading: a data set by its name, or the user's own images by their path."""

import os
from pathlib import Path

from hebbsim.data.dataset import DatasetError, ImageDataset, StrPath
from hebbsim.data.image_folder import load_folder
from hebbsim.data.known import LOADERS
from hebbsim.data.npz_file import load_npz
from hebbsim.errors import unknown

__all__ = ["available_datasets", "load_dataset"]


def available_datasets() -> tuple[str, ...]:
    """
    List the names that `load_dataset` knows.

    Returns
    -------
    tuple of str
        In alphabetical order.
    """
    return tuple(sorted(LOADERS))


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
        * ``'mnist'`` [2]_, ``'fashion-mnist'`` [3]_, ``'cifar10'`` [4]_: read from `data_root`,
          where they lie as torchvision lays them out, as uint8, in the published split. The files
          that are downloaded will do: idx files compressed by gzip in ``MNIST/raw`` or
          ``FashionMNIST/raw``, and ``cifar-10-python.tar.gz``. CIFAR-10, and what is downloaded,
          need the extra ``torch``.
        * the path of a folder. Its sub-folders are the classes and hold the images (.png, .jpg
          and other usual formats; files that are no images and what begins with a dot are passed
          over), which must all have one size and be all grey, all RGB or all RGBA. They are rotated
          as their EXIF data ask; what would lose something as 8 bits of grey, RGB or RGBA, or holds
          several pages or frames, is refused. If there are folders ``train`` and ``test``, each
          holds such sub-folders, and other folders are passed over; otherwise a fixed quarter of
          each class is the test set. Images are uint8.
        * the path of an ``.npz`` file with the arrays ``train_images``, ``train_labels``,
          ``test_images`` and ``test_labels``, or with ``images`` and ``labels``, of which a
          fixed quarter of each class is the test set. Images are `(n, rows, cols)`,
          `(n, channels, rows, cols)` or `(n, rows, cols, channels)`: channels are the axis of
          size 1, 3 or 4. Where both axes or none have such a size, the file must say which in a
          string ``layout``, ``'channels_first'`` or ``'channels_last'``. Labels are `(n,)`
          or `(n, 1)` integers or strings; their sorted distinct values become the class names,
          unless the file has ``class_names``, which integer labels then index.
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
    MissingPackageError
        If torchvision, which knows the data set or is to fetch it, isn't installed.

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

    Examples
    --------
    >>> data = load_dataset("digits")
    >>> data.train_images.shape, data.test_images.shape
    ((1346, 1, 8, 8), (451, 1, 8, 8))

    Images of one's own:

    >>> np.savez("own.npz", images=np.random.rand(40, 12, 12), labels=["left", "right"] * 20)
    >>> data = load_dataset("own.npz")
    >>> len(data.train_images), len(data.test_images), data.class_names
    (30, 10, ('left', 'right'))
    """
    text = os.fspath(name)
    if isinstance(name, str) and name in LOADERS:
        return LOADERS[name](name, data_root, download)
    path = Path(name).expanduser()
    is_bare = isinstance(name, str) and path.name == text and path.suffix != ".npz"
    if not text or (is_bare and not path.exists()):
        raise DatasetError(
            f"{unknown('data set', text, available_datasets())}; or the path of a folder of "
            f"images or of an .npz file"
        )
    if path.is_dir():
        return load_folder(path)
    if not path.exists():
        raise DatasetError(f"there is no file or folder '{path}'; check the path")
    if path.suffix != ".npz":
        raise DatasetError(
            f"'{path}' is no data set: expected a folder of images or an .npz file, got a file "
            f"with the suffix {path.suffix!r}"
        )
    return load_npz(path)
