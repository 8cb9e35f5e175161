"""Own images: what becomes of image files and of arrays, and what is refused."""
import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, snapshot, started
from PIL import Image, ImageDraw, ImageFilter, ImageOps

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


def one_transparent_grey(grey):
    """Return an image of two dark greys, of which the file says that one is transparent."""
    image = grey.point(lambda value: 20 if value > 128 else 30)
    image.info["transparency"] = 20
    return image


def on_table(grey, table, angle, mode="L"):
    """Return an image of a rendered digit on a sheet that lies on a table (any colour), turned by an angle."""
    sheet = Image.new("L", (900, 700))
    sheet.paste(255, (150, 130, 750, 590))
    image = Image.new(mode, sheet.size, table)
    canvas = Image.new("L", sheet.size, grey.getpixel((0, 0)))
    canvas.paste(grey, (150, 150))
    image.paste(canvas.convert(mode), mask=sheet.rotate(angle))
    return image


def with_dots(grey):
    """Return a pencil's digit with a black dot beside it, and another one at the border."""
    image = grey.point(lambda value: 150 + value // 3)
    for x, y in [(60, 300), (497, 20)]:
        image.paste(0, (x, y, x + 6, y + 6))
    return image


def cut_out(grey):
    """Return a digit with some of its paper around it, and nothing but transparency around that."""
    image = grey.convert("RGBA")
    image.putalpha(grey.filter(ImageFilter.MinFilter(9)).point(lambda value: 255 * (value < 128)))
    return image


PIXELS = np.random.default_rng(0).integers(0, 256, (30, 28, 28))
NOISE = np.random.default_rng(0).normal(0, 8, (400, 500))
SLOPE = np.add.outer(np.arange(400), np.arange(500) * 0.6)  # what is above 340 is a half, cut off at a slant
IMAGES = {  # files, and what is saved in them, made of an image in grey, which has dark ink
    "grey.png": lambda grey: grey,
    "light on dark.png": ImageOps.invert,
    "colour.webp": lambda grey: Image.merge("RGB", (grey, grey.point(lambda value: value // 2), grey)),
    "palette.gif": lambda grey: grey.convert("RGB").quantize(16),
    "black on transparent.png": lambda grey: transparent(grey, "black"),
    "white on transparent.png": lambda grey: transparent(grey, "white"),
    "transparent palette.png": lambda grey: transparent(grey, "white").quantize(16),
    "transparent colour.png": one_transparent_grey,
    "sheet on transparent.png": lambda grey: on_table(grey, (0, 0, 0, 0), 20, "RGBA"),
    "cut-out.png": cut_out,
    "1 bit.bmp": lambda grey: grey.convert("1", dither=Image.Dither.NONE),
    "16 bits.png": lambda grey: Image.fromarray(np.uint16(grey) * 257),
    "dark 16 bits.tif": lambda grey: Image.fromarray(np.uint16(grey) * 12 + 700),
    "float.tif": lambda grey: Image.fromarray(np.float32(grey) / 255),
    "CMYK.jpg": lambda grey: grey.convert("CMYK"),
    "noise.jpg": lambda grey: Image.fromarray(np.uint8(np.clip(grey + NOISE, 0, 255))),
    "turned.jpg": lambda grey: grey.transpose(Image.Transpose.ROTATE_90),
    "soft shadow.jpg": lambda grey: Image.fromarray(np.uint8(grey * np.linspace(0.4, 1, 500))),
    "hard shadow.jpg": lambda grey: Image.fromarray(np.uint8(np.where(SLOPE > 340, grey, grey * np.array(0.7)))),
    "dark table.jpg": lambda grey: on_table(grey, 40, 25),
    "grey table.jpg": lambda grey: on_table(grey, 110, -30),
    "note on a light table.jpg": lambda grey: on_table(grey.point(lambda value: value * 2 // 3), 230, 15),
    "black dots.png": with_dots,
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_file_becomes_the_digit_that_it_shows(name, mnist, tmp_path):
    """Turned, mirrored or inverted digits would be further away than 0.06 of white. None of these is doubtful."""
    for digit in mnist.test.images[:3]:
        exif = Image.Exif()
        exif[0x112] = 6 if name == "turned.jpg" else 1  # how the camera was held
        IMAGES[name](render(digit)).save(tmp_path / name, exif=exif)
        read, doubts = own_data.read_image(tmp_path / name)
        assert read.shape == (28, 28) and read.dtype == np.uint8 and doubts == ""
        assert abs(read / 255 - digit.reshape(28, 28)).mean() < 0.06


def test_mnists_own_files_of_28_pixels_stay_what_they_are(mnist, tmp_path):
    """One pixel off, their median would be above 0.03. Those that touch the border are right, too, and doubtful."""
    images = mnist.test.images.reshape(-1, 28, 28)
    at_border = images[images[:, -1].max(axis=1) > 0.9]
    for digits, expected in [(images[:20], 0), (at_border[:8], 8)]:
        mse, n_doubtful = [], 0
        for digit in digits:
            Image.fromarray(np.uint8(digit * 255)).save(tmp_path / "a.png")
            read, doubts = own_data.read_image(tmp_path / "a.png")
            mse.append(np.mean((read / 255 - digit) ** 2))
            n_doubtful += "touches the border" in doubts
        assert np.median(mse) < 0.015 and max(mse) < 0.08 and n_doubtful == expected


@pytest.mark.parametrize("mode", ["L", "I;16", "P", "RGBA", "CMYK"])
def test_the_orientation_of_a_tiff_file(mode, tmp_path):
    """Without compression, Pillow confuses height and width of such a file if it opens it by its name."""
    pixels = np.arange(240, dtype=np.uint8).reshape(12, 20)
    image = Image.fromarray(np.uint16(pixels) * 257) if mode == "I;16" else Image.fromarray(pixels).convert(mode)
    expected = np.asarray(image.convert("RGBA").convert("L") if mode != "I;16" else Image.fromarray(pixels), float)
    for orientation, turned in [(5, expected.T), (6, expected.T[:, ::-1]), (8, expected.T[::-1])]:
        image.save(tmp_path / "a.tif", tiffinfo={274: orientation})
        read = np.asarray(own_data.open_image(tmp_path / "a.tif")[0].convert("L"), float)
        assert read.shape == turned.shape and np.corrcoef(read.ravel(), turned.ravel())[0, 1] > 0.999


def test_large_images_are_made_smaller_before_they_are_used(tmp_path):
    Image.new("L", (4000, 3000), 200).save(tmp_path / "a.jpg")
    assert own_data.open_image(tmp_path / "a.jpg")[0].size == (667, 500)  # 2000 x 1500 are decoded
    Image.new("P", (3000, 200), 200).save(tmp_path / "a.png")
    assert own_data.open_image(tmp_path / "a.png")[0].size == (3000, 200)
    (tmp_path / "a.pgm").write_bytes(b"P5 16000 12500 255\n")  # the header of an image of 200 megapixels
    with pytest.raises(input_data.DataError, match="truncated|not enough image data"):
        own_data.open_image(tmp_path / "a.pgm")
    assert Image.MAX_IMAGE_PIXELS < 16000 * 12500  # Pillow's own limit holds elsewhere in this process.


def drawn(path, *lines):
    """Save a picture of lines: coordinates, a width and a grey (40 if none is given). Return what is read of it."""
    image = Image.new("L", (400, 400), 230)
    for coordinates, width, *grey in lines:
        ImageDraw.Draw(image).line(coordinates, *grey or [40], width, joint="curve")
    image.save(path)
    return own_data.read_image(path)


BAR = ((170, 80, 170, 280), 40)  # ten pixels of its 200 make one of 20
SEVEN = ((120, 100, 240, 100, 160, 290), 16)


def test_size_and_place(tmp_path):
    """The longer side has 20 pixels, and the centre of mass is at row and column 14, however a digit lies on paper."""
    expected = np.zeros((28, 28))
    expected[4:24, 12:16] = 255
    assert abs(drawn(tmp_path / "a.png", BAR)[0] - expected).mean() < 6
    corner, _ = drawn(tmp_path / "a.png", ((40, 300, 40, 356), 12), ((40, 350, 90, 350), 12))
    rows, columns = np.nonzero(corner)
    assert corner.max() == 255 and np.ptp(rows) + 1 == np.ptp(columns) + 1 == 20
    for index in np.indices((28, 28)):
        assert np.average(index, weights=corner) == pytest.approx(14, abs=0.5)


def test_a_digit_stays_inside_if_its_centre_of_mass_is_at_its_corner():
    corner = Image.new("L", (80, 80))
    corner.paste(255, (0, 0, 30, 30))
    ImageDraw.Draw(corner).line((0, 0, 79, 79), 255, 2)
    rows, columns = np.nonzero(own_data.place(corner))
    assert rows.max() == columns.max() == 27 and rows.min() == columns.min() == 8


@pytest.mark.parametrize("width", [1, 3, 8, 40])
def test_thin_strokes_become_as_thick_as_mnists(width, tmp_path):
    """Their widths are those at 20 pixels' height. Thick ones stay as they are: 40 of 300 are 2.7 of 20."""
    line, doubts = drawn(tmp_path / "a.png", ((200, 50, 200, 349), width))
    assert line[14].sum() / 255 == pytest.approx(2.7 if width == 40 else 2.1, abs=0.4) and doubts == ""


def test_a_very_thick_pen(tmp_path):
    seven, doubts = drawn(tmp_path / "a.png", ((60, 70, 330, 70, 170, 340), 65))
    assert doubts == "" and seven[10, 6:22].min() > 200 and seven[20, 13:15].min() > 200 and seven[20, 18:].max() == 0


@pytest.mark.parametrize("other", [
    ((30, 0, 30, 399), 60),  # a shadow or a table
    ((0, 350, 399, 350), 3),  # of the paper
    ((300, 106, 312, 106), 12),  # dirt
])
def test_what_is_not_the_digit_is_dropped(other, tmp_path):
    (alone, _), (together, doubts) = drawn(tmp_path / "a.png", BAR), drawn(tmp_path / "a.png", BAR, other)
    assert abs(alone - together.astype(float)).mean() < 1 and doubts == ""


@pytest.mark.parametrize("width", [6, 16])
def test_parts_that_do_not_touch_belong_to_the_digit(width, tmp_path):
    """Such as the bar of a 5, which may be thicker."""
    five = ((160, 120, 150, 190, 230, 210, 230, 290, 150, 300), width)
    read, doubts = drawn(tmp_path / "a.png", five, ((185, 110, 250, 110), 16))
    top = np.nonzero(read)[0].min()
    assert doubts == "" and read[top + 1, 15:19].min() > 100 and read[9, 17:].max() == 0  # the bar, and what is open


DOUBTS = {  # what makes a picture doubtful, and what is drawn in it
    "it touches the border": [((120, 100, 240, 100, 160, 399), 16)],
    "another large part": [((70, 100, 170, 100, 110, 290), 16), ((260, 100, 350, 100, 300, 290), 16)],
    "a frame round it": [SEVEN, ((60, 50, 300, 50, 300, 340, 60, 340, 60, 40), 8)],
    "there is a frame": [SEVEN, ((60, 50, 300, 50, 300, 340, 60, 340, 60, 40), 3)],  # printed, thinner than the digit
    "is a frame": [SEVEN, ((60, 50, 300, 50, 300, 340, 60, 340, 60, 40), 6, 140)],  # less like a digit than the digit
    "fills most of its box": [((130, 120, 240, 120, 240, 200, 140, 200, 140, 280, 240, 280), 70)],
    "differ much in thickness": [SEVEN, ((150, 260, 210, 260), 60)],  # as where a shadow's edge joins it
    "very small": [((120, 100, 134, 100, 120, 130), 4)],
    "wider than high": [SEVEN, ((250, 100, 360, 100, 290, 290), 16)],
    "a part of it is faint": [((240, 100, 160, 290), 16), ((110, 100, 232, 100), 16, 170)],
    "something else in the picture is as much like": [
        ((0, 200, 399, 200), 400, 128), ((40, 100, 140, 100, 80, 290), 16, 20),
        ((210, 100, 310, 100, 250, 290), 16, 236)],
}


@pytest.mark.parametrize("reason", DOUBTS)
def test_what_is_doubtful_is_named(reason, tmp_path):
    read, doubts = drawn(tmp_path / "a.png", *DOUBTS[reason])
    assert reason in doubts
    if "frame" in reason:  # It is left out.
        assert abs(read - drawn(tmp_path / "a.png", SEVEN)[0].astype(float)).mean() < 15


@pytest.mark.parametrize("ending", ["tif", "gif", "png", "mpo"])
def test_further_pages_are_named(ending, mnist, tmp_path):
    """Those of MPO files are not: phones write such photographs, and call them JPEG."""
    if ending == "mpo":
        pytest.importorskip("PIL", minversion="11.3")  # Pillow 11.0 writes damaged ones.
    pages = [render(digit) for digit in mnist.test.images[:3]]
    pages[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=pages[1:])
    read, doubts = own_data.read_image(tmp_path / f"a.{ending}")
    assert doubts == ("" if ending == "mpo" else "only the first of 3 pages was read")
    assert abs(read / 255 - mnist.test.images[0].reshape(28, 28)).mean() < 0.06


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
        out, run_main.err = capsys.readouterr()
        return out
    return run_main


@pytest.fixture
def quick(monkeypatch):
    """Replaces the search for digits, which takes time, by the whole image, and calls 7.png doubtful."""
    def prepare(path):
        image, _ = own_data.open_image(path)
        return image, np.asarray(image.convert("L").resize((28, 28))), "a 7" if path.name == "7.png" else ""
    monkeypatch.setattr(own_data, "prepare", prepare)


@pytest.mark.parametrize("labels", [{"cat": 0, "dog": 1}, {"0": 0, "2": 2, "a": 1}, {"10": 0, "7": 7},
                                    {"03": 3, "05": 5, "b": 0}])
def test_labels_of_directories(labels, make, quick, tmp_path):
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
    expected = sorted((own_data.prepare(tmp_path / "in" / name)[1].tobytes(), labels[name.split("/")[0]])
                      for name in files)
    assert sorted(zip((digit.tobytes() for digit in digits), [*test.labels, *train.labels])) == expected


def test_six_images_are_enough_and_the_shuffle_is_always_the_same(make, quick, tmp_path):
    """A model that was saved could not be resumed with the same images in another order."""
    make(*(f"{n}.png" for n in range(10)))
    make(flags=("in", "again"))
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte", "images.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    sets = input_data.read_data_sets("out", validation_size=0)
    assert [*sets.test.labels, *sets.train.labels] == [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]
    for n in range(6, 10):
        (tmp_path / f"in/{n}.png").unlink()
    assert "5 images for training, 1 for testing\n" in make(flags=("in", "six"))


def test_the_sheet(make, quick, tmp_path):
    """Each image is on it, with its digit beside it and its name below, and a red frame if it is doubtful."""
    (tmp_path / "in").mkdir()
    for n in range(10):
        Image.new("RGB", (600, 300), (25 * n, 255, 0)).save(tmp_path / f"in/{n}.png")  # larger than its place
    out = make(flags=("in", "out", "--test-only"))
    assert out.endswith(f"\nprobably wrong: 1\nLook at {os.path.join('out', 'images.png')}: what became of the first "
                        "hundred images, in a red frame where it is probably wrong\n")
    assert make.err == f"{os.path.join('in', '7.png')}: probably wrong: a 7\n"
    sheet = Image.open("out/images.png")
    assert sheet.size == (5 * 224, 2 * 128)
    for n in range(10):
        x, y = 224 * (n % 5), 128 * (n // 5)
        assert sheet.crop((x + 4, y + 4, x + 108, y + 56)).getcolors() == [(104 * 52, (25 * n, 255, 0))]
        assert sheet.getpixel((x + 56, y + 80)) == (128, 128, 128)
        grey = Image.new("RGB", (1, 1), (25 * n, 255, 0)).convert("L").getpixel((0, 0))
        assert sheet.crop((x + 112, y + 4, x + 216, y + 108)).getcolors() == [(104 * 104, (grey,) * 3)]
        assert len(sheet.crop((x + 4, y + 112, x + 200, y + 124)).getcolors()) > 1  # the name
        assert [sheet.getpixel(place) == (255, 0, 0) for place in [(x, y), (x + 223, y + 127)]] == [n == 7] * 2


def test_only_the_first_hundred_are_on_the_sheet(make, quick):
    """Those after them are counted and named, too, if they are doubtful."""
    out = make(*(f"0/a{n}.png" for n in range(100)), "7/7.png", flags=("in", "out", "--test-only"))
    assert Image.open("out/images.png").size == (5 * 224, 20 * 128)
    assert "\nprobably wrong: 1\n" in out and make.err.startswith(os.path.join("in", "7", "7.png"))


def test_transparency_and_long_names_on_the_sheet():
    """What is transparent has the sheet's grey. Of a long name, the end is written."""
    rest = Image.new("RGBA", (9, 9)), np.zeros((28, 28), np.uint8), ""
    sheet, other = (own_data.draw_sheet([(Path("x" * 50, name), *rest)]) for name in ("1.png", "2.png"))
    assert sheet.getpixel((8, 8)) == (128, 128, 128) and sheet != other


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems refuse such names")
def test_names_that_are_not_utf8_are_kept(make, quick):
    assert "\nprobably wrong: none\n" in make(os.fsdecode(b"1\xe9.png"), flags=("in", "out", "--test-only"))
    assert Path("out/test_images.txt").read_bytes() == b"1\xe9.png\n"


def test_own_digits_in_place_of_mnists_test_digits(make, mnist):
    """--test-only keeps MNIST's training images. The test images are in the order of their names."""
    out = make("3.png", "1.png", "7.png", flags=("in", "out", "--test-only"))
    assert "60000 images for training, 3 for testing\n" in out
    train, _, test = input_data.read_data_sets("out")
    assert train.checksum == mnist.train.checksum
    digits = [own_data.read_image(f"in/{digit}.png")[0] for digit in (1, 3, 7)]
    np.testing.assert_array_equal(np.rint(test.images * 255).reshape(3, 28, 28), digits)
    assert test.labels.tolist() == [1, 3, 7]
    assert Path("out/test_images.txt").read_text("utf-8") == "1.png\n3.png\n7.png\n"


def test_what_is_no_set_of_images_is_refused(make, tmp_path):
    assert make(flags=("missing", "out")) == "missing: No such file or directory"
    (tmp_path / "in").mkdir()
    assert make() == "in: there are no images in it"
    assert make(*(f"{n}.png" for n in range(5))) == (
        "in: 5 images are too few to train with: take 6 or more, or use --test-only")
    assert make(flags=("in/1.png", "out")) == "in/1.png: Not a directory"
    assert make("10.png", "IMG_2031.jpg").startswith(
        "in: these names do not begin with one digit as their label: 10.png, IMG_2031.jpg. Rename")
    for name in ("10.png", "IMG_2031.jpg"):
        (tmp_path / "in" / name).unlink()
    (tmp_path / "in/cats").mkdir()
    assert make() == "in/cats: there are no images in it"
    assert make("cats/1.png", *(f"class {letter}/1.png" for letter in "abcde")) == (
        "11 classes, more than 10: 0, 1, 2, 3, 4, cats, class a, class b, class c, class d, class e")
    assert make("people/anna/4.png", flags=("in", "out", "--test-only")).startswith(
        "in/people/anna: a directory inside that of a class")
    assert make(flags=("in/people", "out", "--test-only")) == (
        "in/people: with --test-only, classes must be digits as MNIST's are, not anna")


@pytest.mark.parametrize("train_dir, reason", [
    ("in", "is there already. The second argument, DIR, is made anew: choose another name or, if it is an old data "
           "set, remove it"),
    ("in/0/a.png/new", "Not a directory"), ("missing/new", "No such file or directory"),
    ("x" * 300, "File name too long")])
def test_a_directory_that_cannot_be_made_is_refused_before_an_image_is_read(train_dir, reason, make, tmp_path, capsys):
    make("0/a.png", flags=("in", "out", "--test-only"))
    (tmp_path / "in/0/a.png").write_bytes(b"")
    assert make(flags=("in", train_dir, "--test-only")) == f"{train_dir}: {reason}"
    assert "a.png" not in capsys.readouterr().err


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("function", ["prepare", "draw_sheet"])
def test_whatever_ends_the_program_leaves_nothing_behind(error, function, make, quick, monkeypatch, tmp_path):
    """Until all is written, nothing has the name of the data set, so that kill leaves no half one either."""
    make("1.png", "2.png", flags=("in", "first", "--test-only"))
    before = snapshot(tmp_path)

    def fail(*args):
        assert not (tmp_path / "out").exists() and len(snapshot(tmp_path)) > len(before)
        raise error
    monkeypatch.setattr(own_data, function, fail)
    if isinstance(error, OSError):
        assert make(flags=("in", "out", "--test-only")) == "out: No space left on device"
    else:
        with pytest.raises(KeyboardInterrupt):
            make(flags=("in", "out", "--test-only"))
    assert snapshot(tmp_path) == before


def test_a_class_that_the_terminal_cannot_print(make, tmp_path):
    """The program runs as its user starts it."""
    make(*(f"{name}/{n}.png" for name in ("küche", "bad") for n in range(3)))
    command = [sys.executable, "-m", "mnist_data.own_data", tmp_path / "in", tmp_path / "new"]
    with started(command, cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": "ascii"}) as process:
        out, err = process.communicate()
    assert process.returncode == 0 and err == "" and "images of class k\\xfcche (label 1): 3\n" in out


FLAT, PNG = np.full((200, 260), 200), io.BytesIO()
Image.fromarray(np.uint8(PIXELS.reshape(784, 30))).save(PNG, "PNG")
ROWS, COLUMNS = np.indices(FLAT.shape)
BAD = {  # the bytes of a file, or the pixels of the image in it, and what is said of it
    "text": (b"hello", "not an image that Pillow can read, or damaged. Save HEIC, SVG or PDF as PNG or JPEG"),
    "cut": (PNG.getvalue()[:9999], "truncated"),
    "changed": (PNG.getvalue()[:9000] + bytes(99) + PNG.getvalue()[9099:], "when reading image file"),
    "too large": (b"P5 20000 20000 255\n", "20000 x 20000 pixels are too many"),  # the header of a PGM image
    "flat": (FLAT, "nothing in it is like a digit"),
    "noise": (FLAT + NOISE[:200, :260], "nothing in it"),
    "light from one side": (FLAT * np.linspace(0.3, 1, 260) + NOISE[:200, :260], "nothing in it"),
    "shadow": (np.where(COLUMNS < 60, 50, FLAT), "nothing in it"),
    "blank sheet on a table": (np.where(abs(COLUMNS - 130) + abs(ROWS - 100) < 90, 200, 60), "nothing in it"),
    "blank sheet on a brown table": (on_table(Image.new("L", (500, 400), 225), 80, 12), "nothing in it"),
    "wood": (FLAT - 80 + 35 * np.sin(ROWS / 4 + 2 * np.sin(COLUMNS / 40)) + NOISE[:200, :260] / 3, "nothing in it"),
    "ruled paper": (np.where(ROWS % 25 < 2, 130, FLAT), "nothing in it"),
    "a dot": (np.where(abs(ROWS - 50) + abs(COLUMNS - 90) < 4, 20, FLAT), "nothing in it"),
}


def test_all_that_is_no_digit_is_named_at_once(make, tmp_path, capsys):
    (tmp_path / "in/0").mkdir(parents=True)
    for what, (contents, message) in BAD.items():
        path = tmp_path / "in/0" / f"{what}.png"
        if isinstance(contents, bytes):
            path.write_bytes(contents)
        else:
            Image.fromarray(np.uint8(contents)).save(path)
    make("0/a.png", flags=("missing", "out"))
    n = len(BAD)
    assert make(flags=("in", "out", "--test-only")) == (
        f"{n} of {n + 1} images can't be used (see above). Nothing was written")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == n
    for line, what in zip(lines, sorted(BAD)):
        assert line.startswith(f"{os.path.join('in', '0', what)}.png: ") and BAD[what][1] in line


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
    ({"train_labels": np.append(DIGITS, 0)}, "train_labels: shape (31,), not (30,)"),
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
