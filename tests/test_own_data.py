"""Own images: what becomes of image files and of arrays, and what is refused."""
import shutil

import numpy as np
import pytest
from helpers import ROOT, snapshot
from PIL import Image, ImageDraw, ImageOps

from mnist_data import input_data, own_data


def render(digit):
    """Return an image in grey of an MNIST digit (784, in [0, 1]): ten times as large, off the middle of its paper."""
    image = Image.fromarray(np.uint8(np.reshape(digit, (28, 28)) * 255)).resize((280, 280), Image.BICUBIC)
    mask = Image.new("L", (500, 400))
    mask.paste(image, (190, 60))
    return Image.composite(Image.new("L", mask.size, 30), Image.new("L", mask.size, 225), mask)


def transparent(grey, colour):
    """Return an image of one colour that is transparent where a rendered digit has its paper."""
    image = Image.new("RGBA", grey.size, colour)
    image.putalpha(grey.point(lambda value: 255 * (225 - value) // 195))
    return image


NOISE = np.random.default_rng(0).normal(0, 8, (400, 500))
IMAGES = {  # files, and what is saved in them, made of an image in grey, which has dark ink
    "grey.png": lambda grey: grey,
    "light on dark.png": ImageOps.invert,
    "colour.webp": lambda grey: Image.merge("RGB", (grey, grey.point(lambda value: value // 2), grey)),
    "palette.gif": lambda grey: grey.convert("RGB").quantize(16),
    "black on transparent.png": lambda grey: transparent(grey, "black"),
    "white on transparent.png": lambda grey: transparent(grey, "white"),
    "transparent palette.png": lambda grey: transparent(grey, "white").quantize(16),
    "1 bit.bmp": lambda grey: grey.convert("1", dither=Image.Dither.NONE),
    "16 bits.png": lambda grey: Image.fromarray(np.uint16(grey) * 257),
    "dark 16 bits.tif": lambda grey: Image.fromarray(np.uint16(grey) * 12 + 700),
    "float.tif": lambda grey: Image.fromarray(np.float32(grey) / 255),
    "CMYK.jpg": lambda grey: grey.convert("CMYK"),
    "noise.jpg": lambda grey: Image.fromarray(np.uint8(np.clip(grey + NOISE, 0, 255))),
    "turned.jpg": lambda grey: grey.transpose(Image.Transpose.ROTATE_90),
    "shadow.jpg": lambda grey: Image.fromarray(np.uint8(grey * np.linspace(0.4, 1, 500))),
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_file_becomes_the_digit_that_it_shows(name, mnist, tmp_path):
    """Turned, mirrored or inverted digits would be further away than 0.06 of white, on an average."""
    differences = []
    for digit in mnist.test.images[:10]:
        exif = Image.Exif()
        exif[0x112] = 6 if name == "turned.jpg" else 1  # how the camera was held
        IMAGES[name](render(digit)).save(tmp_path / name, exif=exif)
        read = own_data.read_image(tmp_path / name)
        assert read.shape == (28, 28) and read.dtype == np.uint8
        differences.append(abs(read / 255 - digit.reshape(28, 28)).mean())
    assert np.mean(differences) < 0.06


def test_mnists_own_files_of_28_pixels_stay_what_they_are(mnist, tmp_path):
    """One pixel off, their median would be above 0.03."""
    mse = []
    for digit in mnist.test.images[:40].reshape(40, 28, 28):
        Image.fromarray(np.uint8(digit * 255)).save(tmp_path / "a.png")
        mse.append(np.mean((own_data.read_image(tmp_path / "a.png") / 255 - digit) ** 2))
    assert np.median(mse) < 0.015


def drawn(path, *lines):
    """Save a picture of lines, pairs of coordinates and a width, on light paper. Return what is read of it."""
    image = Image.new("L", (400, 400), 230)
    for coordinates, width in lines:
        ImageDraw.Draw(image).line(coordinates, 40, width)
    image.save(path)
    return own_data.read_image(path)


BAR = ((170, 80, 170, 280), 40)  # ten pixels of its 200 make one of 20


def test_size_and_place(tmp_path):
    """The longer side has 20 pixels, and the centre of mass is at row and column 14, however a digit lies on paper."""
    expected = np.zeros((28, 28))
    expected[4:24, 12:16] = 255
    assert abs(drawn(tmp_path / "a.png", BAR) - expected).mean() < 6
    corner = drawn(tmp_path / "a.png", ((40, 300, 40, 360), 20), ((50, 350, 90, 350), 20))
    rows, columns = np.nonzero(corner)
    assert corner.max() == 255 and np.ptp(rows) + 1 == np.ptp(columns) + 1 == 20
    for index in np.indices((28, 28)):
        assert np.average(index, weights=corner) == pytest.approx(14, abs=0.5)


@pytest.mark.parametrize("width", [1, 3, 8, 40])
def test_thin_strokes_become_as_thick_as_mnists(width, tmp_path):
    """Their widths are those at 20 pixels' height. Thick ones stay as they are: 40 of 300 are 2.7 of 20."""
    line = drawn(tmp_path / "a.png", ((200, 50, 200, 349), width))
    assert line[14].sum() / 255 == pytest.approx(2.7 if width == 40 else 2.1, abs=0.4)


@pytest.mark.parametrize("other", [
    ((30, 0, 30, 399), 60),  # a shadow or a table
    ((0, 350, 399, 350), 3),  # of the paper
    ((300, 106, 312, 106), 12),  # dirt
])
def test_what_is_not_the_digit_is_dropped(other, tmp_path):
    alone, together = drawn(tmp_path / "a.png", BAR), drawn(tmp_path / "a.png", BAR, other)
    assert abs(alone - together.astype(float)).mean() < 1


@pytest.fixture
def make(tmp_path, monkeypatch, capsys):
    """A function that makes image files in the directory `in`, runs main(), and returns what it prints or raises."""
    monkeypatch.chdir(tmp_path)

    def run_main(*files, flags=("in", "out")):
        for n, name in enumerate(files):
            (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            image = Image.new("L", (60, 60), 255)
            ImageDraw.Draw(image).line((10, 10, 12 + n, 50), 0, 5)  # another one each time
            image.save(tmp_path / "in" / name, "PNG")
        before = snapshot(tmp_path)
        try:
            own_data.main(list(flags))
        except own_data.DataError as err:
            assert snapshot(tmp_path) == before and "\n" not in str(err)  # Nothing is written.
            return str(err)
        return capsys.readouterr().out
    return run_main


@pytest.mark.parametrize("labels", [{"cat": 0, "dog": 1}, {"0": 0, "2": 2, "a": 1}, {"10": 0, "7": 7}])
def test_labels_of_directories(labels, make, tmp_path):
    """A sixth is for testing, after a shuffle. Each image keeps its label. Hidden files are passed over."""
    files = [f"{name}/{n}.png" for name in labels for n in range(11)]
    (tmp_path / "in" / min(labels)).mkdir(parents=True)
    for hidden in ("in/.DS_Store", f"in/{min(labels)}/Thumbs.db"):
        (tmp_path / hidden).write_bytes(b"x")
    out = make(*files)
    n_test = len(files) // 6
    assert f"{len(files) - n_test} images for training, {n_test} for testing\n" in out
    assert all(f"images of class {name} (label {label}): 11\n" in out for name, label in labels.items())
    train, _, test = input_data.read_data_sets("out", validation_size=0)
    assert len(test.labels) == n_test and len(set(test.labels)) > 1
    digits = np.rint(255 * np.concatenate([test.images, train.images])).astype(np.uint8).reshape(-1, 28, 28)
    expected = sorted((own_data.read_image(f"in/{file}").tobytes(), labels[file.split("/")[0]]) for file in files)
    assert sorted(zip((digit.tobytes() for digit in digits), [*test.labels, *train.labels])) == expected
    sheet = Image.open("out/images.png")
    for n, digit in enumerate(digits):  # Each image is on the sheet, with its digit beside it and a name below.
        x, y = 224 * (n % 5) + 4, 128 * (n // 5) + 4
        sheet.crop((x, y, x + 60, y + 60)).save("original.png")
        np.testing.assert_array_equal(own_data.read_image("original.png"), digit)
        beside = sheet.crop((x + 108, y, x + 212, y + 104)).convert("L")
        np.testing.assert_array_equal(beside, Image.fromarray(digit).resize((104, 104), Image.NEAREST))
        assert len(sheet.crop((x, y + 108, x + 200, y + 124)).getcolors()) > 1


def test_a_model_of_mnist_shows_own_digits(script, make, mnist_run, capsys):
    """--test-only keeps MNIST's training images. The test images are in the order of their names."""
    out = make("3.png", "1.png", "7.png", flags=("in", "out", "--test-only"))
    assert "60000 images for training, 3 for testing\n" in out
    test = input_data.read_data_sets("out").test
    digits = [own_data.read_image(f"in/{digit}.png") for digit in (1, 3, 7)]
    np.testing.assert_array_equal(np.rint(test.images * 255).reshape(3, 28, 28), digits)
    assert test.labels.tolist() == [1, 3, 7]
    shutil.copytree(mnist_run.directory / "new/c", "c")
    script.main([*mnist_run.flags, "--checkpoint-dir", "c", "--data-dir", "out", "--training-epochs", "2"])
    assert "after epoch 2; 0 more to train" in capsys.readouterr().err


def test_what_is_no_set_of_images_is_refused(make, tmp_path):
    assert make(flags=("missing", "out")) == "missing: No such file or directory"
    (tmp_path / "in").mkdir()
    assert make() == "in: there are no images in it"
    assert make(*(f"{n}.png" for n in range(5))) == (
        "in: 5 images are too few to train with: take 6 or more, or use --test-only")
    assert make(flags=("in/1.png", "out")) == "in/1.png: Not a directory"
    assert make(flags=("in", "in")) == "in: is there already. Remove it, or choose another name"
    for name in ("10.png", "IMG_2031.jpg"):
        assert make(name).startswith(f"in/{name}: the name does not begin with one digit")
        (tmp_path / "in" / name).unlink()
    (tmp_path / "in/cats").mkdir()
    assert make() == "in/cats: there are no images in it"
    assert make("cats/1.png", *(f"class {letter}/1.png" for letter in "abcde")) == (
        "11 classes, more than 10: 0, 1, 2, 3, 4, cats, class a, class b, class c, class d, class e")


FLAT, PNG = Image.new("L", (50, 50), 200), (ROOT / ".github/plane.png").read_bytes()
BAD = {  # the bytes of a file, or the image in it, and what is said of it
    "text": (b"hello", "not an image that Pillow can read, or damaged. Save HEIC, SVG or PDF as PNG or JPEG"),
    "cut": (PNG[:9999], "truncated"),
    "changed": (PNG[:9999] + PNG[9999:].replace(b"IDAT", b"\0\0\0\0"), "broken PNG file"),
    "flat": (FLAT, "no ink stands out from the paper, except at the border"),
    "noise": (Image.fromarray(np.uint8(200 + NOISE)), "no ink stands out"),
    "shadow": (ImageOps.expand(FLAT, (20, 0, 0, 0), fill=50), "no ink stands out"),
    "bomb": (b"P5 20000 20000 255\n", "decompression bomb"),  # the header of a large PGM image
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_digit_is_refused(what, make, tmp_path):
    make("0/1.png")
    contents, message = BAD[what]
    path = tmp_path / "in/0/a.png"
    path.write_bytes(contents) if isinstance(contents, bytes) else contents.save(path)
    line = make(flags=("in", "out", "--test-only"))
    assert line.startswith("in/0/a.png: ") and message in line


PIXELS = np.random.default_rng(0).integers(0, 256, (30, 28, 28))
DIGITS = np.random.default_rng(1).integers(0, 10, 30)
ARRAYS = {  # images, white, and the bytes that they should become
    "bytes": (PIXELS.astype(np.uint8), np.uint8(255), PIXELS),
    "a flat list of integers": (PIXELS.reshape(30, 784).tolist(), 255, PIXELS),
    "float32 to 1": (np.float32(PIXELS / 255), 1.0, PIXELS),
    "float64 to its largest": (PIXELS / 300, (PIXELS / 300).max(), PIXELS),  # As float32, it would be above white.
    "12 bits, not all white": (PIXELS * 10, 4095, np.rint(PIXELS * 2550 / 4095)),
    "booleans": (PIXELS > 99, True, (PIXELS > 99) * 255),
    "half of white": (PIXELS % 9, 16, np.rint((PIXELS % 9) * 255 / 16)),
}


@pytest.mark.parametrize("what", ARRAYS)
def test_written_arrays_are_read_as_the_same_pixels(what, tmp_path):
    images, white, expected = ARRAYS[what]
    own_data.write_data_sets(tmp_path / "new/data", images, DIGITS.astype(object), images[:5], DIGITS[:5] * 1.0, white)
    train, validation, test = input_data.read_data_sets(tmp_path / "new/data", validation_size=10)
    for data_set, part in [(validation, slice(10)), (train, slice(10, 30)), (test, slice(5))]:
        np.testing.assert_array_equal(np.rint(data_set.images * 255), expected[part].reshape(-1, 784))
        assert data_set.labels.tolist() == DIGITS[part].tolist()


@pytest.mark.parametrize("changed, line", [
    ({"train_images": PIXELS[:, :16, :16]}, "train_images: shape (30, 16, 16), not (n, 28, 28) or (n, 784)"),
    ({"test_images": PIXELS[:0], "test_labels": []}, "test_images: shape (0, 28, 28), not"),
    ({"train_images": PIXELS - 0.5}, "train_images: pixels from -0.5 to 254.5, not from 0 to white, 255"),
    ({"test_images": PIXELS + 0.5}, "test_images: pixels from 0.5 to 255.5, not"),
    ({"train_images": np.where(PIXELS < 255, PIXELS, np.nan)}, "train_images: pixels from nan to nan, not"),
    ({"test_images": PIXELS / 255}, "test_images: the brightest pixel, 1.0, is not half of white, 255"),
    ({"test_labels": DIGITS[1:]}, "test_labels: shape (29,), not (30,)"),
    ({"train_labels": DIGITS + 1}, "train_labels: 10.0 is not an integer from 0 to 9"),
    ({"train_labels": DIGITS * 0 + 2.5}, "train_labels: 2.5 is not"),
    ({"train_labels": DIGITS.astype(str).astype(object)}, "train_labels: <U1 is not a type of numbers"),
    ({"white": 0}, "white is 0, not a finite number above 0"),
])
def test_other_arrays_are_refused_before_anything_is_written(changed, line, tmp_path):
    arrays = dict(train_images=PIXELS, train_labels=DIGITS, test_images=PIXELS, test_labels=DIGITS, white=255)
    with pytest.raises(ValueError) as info:
        own_data.write_data_sets(tmp_path / "new", **(arrays | changed))
    assert str(info.value).startswith(line) and "\n" not in str(info.value)
    with pytest.raises(FileExistsError):  # Its other files might be read instead.
        own_data.write_data_sets(tmp_path, **arrays)
    assert list(tmp_path.iterdir()) == []
