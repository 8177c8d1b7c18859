"""One image file as an array."""

import io
import struct
import zlib

import numpy as np
import pytest
from data_cases import random_images
from numpy.testing import assert_array_equal
from PIL import Image

from hebbsim.data.dataset import DatasetError
from hebbsim.data.image_file import read_image
from hebbsim.data.load import load_dataset

COLOUR = random_images(1, 4, 6, 3)[0]
GREY = COLOUR[..., 0]
ORIENTATION = 0x0112
#: How a picture is to be shown for each EXIF orientation (CIPA DC-008, 4.6.4.A)
ORIENTED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


def saved(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".ppm", ".tif", ".tga", ".gif", ".webp"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_pixels_are_read_as_they_were_written(tmp_path, suffix, pixels):
    if suffix == ".gif":  # whose palette holds 256 colours, which come back as RGB
        pixels = np.stack([GREY] * 3, axis=-1)
    options = {"lossless": True} if suffix == ".webp" else {}
    found = read_image(saved(tmp_path / f"x{suffix}", pixels, **options))
    if suffix == ".webp" and pixels.ndim == 2:  # which knows colour alone
        pixels = np.stack([pixels] * 3, axis=-1)
    assert_array_equal(found, np.moveaxis(np.atleast_3d(pixels), -1, 0))


@pytest.mark.parametrize("orientation", ORIENTED)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_pictures_stand_as_they_are_to_be_seen(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"lossless": True} if suffix == ".webp" else {}
    # flat quarters survive the compression of JPEG
    pixels = np.kron(np.array([[0, 80], [160, 240], [40, 200]]), np.ones((16, 16))).astype(np.uint8)
    pixels = np.stack([pixels] * 3, axis=-1)
    found = read_image(saved(tmp_path / f"x{suffix}", pixels, exif=exif, **options))
    shown = ORIENTED[orientation](pixels)
    assert found.shape == (3, *shown.shape[:2])
    assert np.abs(found.astype(int) - np.moveaxis(shown, -1, 0)).max() < 8


@pytest.mark.parametrize("kind", ["palette", "colour"])
def test_transparency_is_a_fourth_channel(tmp_path, kind):
    image = Image.fromarray(COLOUR)
    clear = tuple(COLOUR[1, 2].tolist())
    if kind == "palette":
        image = image.quantize(256)
        clear = image.getpixel((2, 1))
    image.save(tmp_path / "x.png", transparency=clear)
    found = read_image(tmp_path / "x.png")
    assert_array_equal(found[:3], np.moveaxis(np.asarray(image.convert("RGB")), -1, 0))
    assert found[3, 1, 2] == 0
    assert (found[3] == 255).sum() == 23


@pytest.mark.parametrize(
    ("suffix", "options"),
    [(".tif", {}), (".gif", {}), (".png", {}), (".webp", {"lossless": True})],
)
@pytest.mark.parametrize("n", [2, 5])
def test_several_pages_or_frames_are_refused(tmp_path, suffix, options, n):
    first, *others = [Image.fromarray(pixels) for pixels in random_images(n, 4, 6, 3)]
    path = tmp_path / f"x{suffix}"
    first.save(path, save_all=True, append_images=others, **options)
    with pytest.raises(DatasetError, match=rf"x\{suffix}': expected a single image, got {n} pages"):
        read_image(path)


def test_the_preview_in_a_telephones_picture_is_left_out(tmp_path):
    image, preview = Image.fromarray(GREY), Image.fromarray(GREY[::2])
    image.save(tmp_path / "x.jpg", "MPO", save_all=True, append_images=[preview])
    image.save(tmp_path / "y.jpg")
    with Image.open(tmp_path / "x.jpg") as picture:
        assert picture.n_frames == 2
    assert_array_equal(read_image(tmp_path / "x.jpg"), read_image(tmp_path / "y.jpg"))


def deep_png(colour_type, n_channels):
    """Return a PNG of 16 bits a channel, by the specification: Pillow can't write one in colour."""

    def chunk(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", 6, 4, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + bytes(range(12 * n_channels)) for _ in range(4))
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*c) for c in chunks)


def image_bytes(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def deep_tiff():
    """Return a TIFF of 6x4 RGB pixels of 16 bits, by the specification (TIFF 6.0, section 6)."""
    entries = [
        *((256, 3, 1, 6), (257, 3, 1, 4), (258, 3, 3, 200), (259, 3, 1, 1), (262, 3, 1, 2)),
        *((273, 4, 1, 206), (277, 3, 1, 3), (278, 3, 1, 4), (279, 4, 1, 144)),
    ]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    head = b"II*\0" + struct.pack("<I", 8) + directory
    return head.ljust(200, b"\0") + struct.pack("<HHH", 16, 16, 16) + bytes(range(144))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.png", deep_png(2, 3), "expected 8 bits a channel, got more"),
        ("x.png", deep_png(6, 4), "expected 8 bits a channel, got more"),
        ("x.png", deep_png(4, 2), "expected 8 bits a channel, got more"),
        ("x.png", deep_png(0, 1), r"expected 8 bits .* mode 'I;16'"),
        ("x.tif", deep_tiff(), "expected 8 bits a channel, got more"),
        ("x.ppm", b"P6 2 1 1023\n" + bytes(12), "expected 8 bits a channel, got more"),
        ("x.ppm", b"P3 1 1 300\n1 2 300\n", "expected 8 bits a channel, got more"),
        ("x.pgm", b"P5 2 1 65535\n" + bytes(4), "expected 8 bits .* mode 'I"),
        ("x.tif", image_bytes(Image.new("F", (6, 4)), "TIFF"), "expected 8 bits .* mode 'F'"),
        ("x.tif", image_bytes(Image.new("I", (6, 4)), "TIFF"), "expected 8 bits .* mode 'I'"),
        ("x.jpg", image_bytes(Image.new("CMYK", (6, 4)), "JPEG"), "expected 8 .* mode 'CMYK'"),
        ("x.tif", image_bytes(Image.new("LAB", (6, 4)), "TIFF"), "expected 8 bits .* mode 'LAB'"),
        ("x.png", image_bytes(Image.new("LA", (6, 4)), "PNG"), "expected 8 bits .* mode 'LA'"),
        (
            "x.png",
            image_bytes(Image.fromarray(GREY), "PNG", transparency=7),
            "expected .*, got grey with transparency. Convert it to RGBA",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_would_be_lost_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=rf"image '.*{name}': {message}"):
        read_image(tmp_path / name)


def test_fewer_bits_are_spread_over_0_to_255(tmp_path):
    (tmp_path / "x.pgm").write_bytes(b"P5 4 1 15\n" + bytes([0, 5, 10, 15]))
    assert_array_equal(read_image(tmp_path / "x.pgm"), [[[0, 85, 170, 255]]])
    Image.fromarray(np.array([[0, 1], [1, 0]], bool)).save(tmp_path / "x.png")
    assert_array_equal(read_image(tmp_path / "x.png"), [[[0, 255], [255, 0]]])


@pytest.mark.parametrize("suffix", [".heic", ".JXL", ".npy", ".avif"])
def test_images_that_are_not_read_are_no_other_files(folder, suffix):
    (folder / "cat" / f"8{suffix}").write_bytes(b"content")
    with pytest.raises(DatasetError, match=rf"cat/8\{suffix}': files .* are not read; convert it"):
        load_dataset(folder)


@pytest.mark.parametrize("place", ["young", "young/wild"])
def test_images_in_a_folder_of_a_class_folder(folder, place):
    (folder / "cat" / place).mkdir(parents=True)
    assert load_dataset(folder).n_classes == 2  # nothing is lost
    (folder / "cat" / "0.png").rename(folder / "cat" / place / "0.png")
    with pytest.raises(DatasetError, match=r"0\.png' lies in a folder within the class folder"):
        load_dataset(folder)
    (folder / "cat" / "young").rename(folder / "cat" / ".trash")
    assert load_dataset(folder).n_classes == 2
