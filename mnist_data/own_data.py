"""Make a data set for both scripts of your own images.

    python -m mnist_data.own_data IMAGES DIR

makes the data set DIR of the image files in IMAGES. In a program, write_data_sets() makes one of
arrays, and read_image() makes an image file a digit like MNIST's.
"""
import argparse
import math
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps, UnidentifiedImageError

from mnist_data.input_data import DataError, read_examples

# The search for the digit. These numbers were tried out together, on hundreds of pictures.
AREA = 40_000  # pixels of the image that is searched: fewer are faster, but lose small digits
FALL = 0.6  # each level of brightness at which parts are looked for is 0.6 of the one before
MIN_STRENGTH, MIN_NOISES = 20, 6  # ink differs from paper by 20 (of 255) and 6 times the noise
MIN_SCORE = 14  # of score(): nearly all digits have more; most bare tables and blank paper, less
EDGE = 0.37  # a stroke ends where it has this part of its strength

DIGIT = "0*[0-9]"  # the pattern of a class's name that is its own label


def read_image(path):
    """Return the digit in an image file, and what makes it doubtful: a text, "" if nothing does.

    The file has one digit, darker or lighter than its paper, which may lie on a table. The digit is
    prepared as MNIST's are: uint8 (28, 28), light on black. Its strokes are at least as thick as
    MNIST's, its longer side has 20 pixels, and its centre of mass is near row and column 14.
    Raises DataError if the file is no image, or if nothing in it is like a digit.
    """
    return prepare(path)[1:]


def prepare(path):
    """Return the image in a file, mode "RGBA" and made smaller, and what read_image() returns."""
    image, pages = open_image(path)
    candidates = find_candidates(image)
    if not candidates:
        raise DataError(f"{path}: nothing in it is like a digit with paper around it")
    best = candidates[0]
    parts, others, frames = choose_parts(best)
    mask = np.any([part.mask for part in parts], axis=0)
    doubts = find_doubts(candidates, parts, mask, others, frames)
    if pages > 1:
        doubts.append(f"only the first of {pages} pages was read")
    digit = place(thicken(cut_out(best.ink, mask, ink_level(best, EDGE))))
    return image, digit, "; ".join(doubts)


def open_image(path):
    """Return the first image in a file, mode "RGBA", and the number of pages. Raises DataError.

    A large image is made smaller, but its shorter side keeps 400 pixels or more.
    """
    pillows_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # phones make more
    try:
        # If Pillow opens a turned TIFF file by its name, it may confuse width and height.
        with open(path, "rb") as f, Image.open(f) as image:
            if image.width * image.height > 250_000_000:
                raise ValueError(f"{image.width} x {image.height} pixels are too many")
            # Behind a phone's photograph (MPO) are other pictures, which nobody misses.
            pages = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            image.draft(None, (800, 800))  # decodes a large JPEG at down to an eighth of its size
            image.load()
            ImageOps.exif_transpose(image, in_place=True)  # a camera only notes how it was held
            if image.mode[0] in "IF":  # 16 bits or more
                image = image.convert("F")
            elif image.mode not in ("L", "RGB") or "transparency" in image.info:
                image = image.convert("RGBA")
            image = image.reduce(max(1, min(image.size) // 400))
        if image.mode == "F":  # the next convert() would clip it to 255
            pixels = np.asarray(image)
            image = Image.fromarray(np.uint8(255 * pixels.clip(0) / (pixels.max() or 1)))
        return image.convert("RGBA"), pages
    except UnidentifiedImageError as err:
        raise DataError(f"{path}: not an image that Pillow can read, or damaged. Save HEIC, SVG or "
                        "PDF as PNG or JPEG") from err
    except Exception as err:  # for a damaged file, Pillow raises errors of many kinds
        raise DataError(f"{path}: {' '.join(str(err).split())}") from err
    finally:
        Image.MAX_IMAGE_PIXELS = pillows_limit


def resize(image, length):
    """Return the image with a longer side of `length` pixels."""
    factor = length / max(image.size)
    size = [max(1, round(factor * side)) for side in image.size]
    return image.resize(size, Image.BICUBIC)  # smaller pixels are averages over areas


class Part(NamedTuple):
    """A connected part of an image. Lengths are in pixels."""
    mask: np.ndarray  # where it is, bool (h, w)
    top_left: np.ndarray
    size: np.ndarray  # height and width
    area: int
    thickness: int  # of its thickest stroke
    strength: float  # how much lighter it is than the pixels around it
    surrounded: float  # how much of what is around it is darker, from 0 to 1
    sides: int  # how many sides of the image it touches
    spans: bool  # whether two of these are opposite


class Candidate(NamedTuple):
    """A part that may be the digit."""
    score: float
    part: Part
    pixels: np.ndarray  # of the image in which it is light, float (h, w)
    ink: np.ndarray  # how much lighter they are than the paper around them, float (h, w)


def find_candidates(image):
    """Return what may be the digit in an RGBA image: a list of Candidate, the best one first."""
    image = resize(image, math.sqrt(AREA * max(image.size) / min(image.size)))  # to this area
    candidates = []
    for grey in light_ink_images(image):
        pixels, ink = np.asarray(grey, float), subtract_paper(grey)
        noise = np.median(abs(pixels[:, 4:] - pixels[:, :-4]))  # nearer pixels have the same noise
        weakest = max(MIN_STRENGTH, MIN_NOISES * noise)
        # At a high level, the digit is apart from other things; at a low one, it is whole.
        level = FALL * ink.max()
        while level > weakest / 2:  # a part is stronger than the level at its edge
            for part in find_parts(ink > level, pixels):
                candidate = Candidate(score(part), part, pixels, ink)
                if part.strength > weakest and candidate.score > MIN_SCORE:
                    candidates.append(candidate)
            level *= FALL
    return sorted(candidates, key=lambda candidate: -candidate.score)


def light_ink_images(image):
    """Return three grey images of an RGBA image. In one of them, the ink is light."""
    grey, alpha = image.convert("L"), image.getchannel("A")
    # What is transparent gets the grey of the opaque pixels beside it. So a sheet gets paper around
    # it. Ink without paper can't be seen any more in grey, but then it is what is opaque.
    clear = ImageOps.invert(alpha)
    beside = np.multiply(alpha, clear.filter(ImageFilter.MaxFilter(5)), dtype=float)
    if beside.any():
        grey.paste(round(np.average(grey, weights=beside)), mask=clear)
    images = ImageOps.invert(grey), grey, alpha
    return [each.filter(ImageFilter.GaussianBlur(0.6)) for each in images]


def subtract_paper(image):
    """Return how much lighter than the paper around it each pixel is: a top-hat, float (h, w)."""
    # The opening: light shrinks until strokes (of less than 25 of 75 pixels) are gone, and grows
    # back where something is larger, by a pixel more, since its edge would be left like a stroke.
    paper = resize(image, 75).filter(ImageFilter.MinFilter(25)).filter(ImageFilter.MaxFilter(27))
    return np.subtract(image, paper.resize(image.size, Image.BILINEAR), dtype=float)


def find_parts(mask, pixels):
    """Return the connected components of a mask, a list of Part: the eight largest ones."""
    n = np.count_nonzero(mask)
    numbers = np.full(mask.shape, -1)
    numbers[mask] = np.arange(n)
    pairs = [(numbers[1:], numbers[:-1]), (numbers[:, 1:], numbers[:, :-1]),
             (numbers[1:, 1:], numbers[:-1, :-1]), (numbers[1:, :-1], numbers[:-1, 1:])]
    a, b = np.hstack([np.reshape(pair, (2, -1)) for pair in pairs])
    inside = (a >= 0) & (b >= 0)
    a, b = a[inside], b[inside]  # all pairs of neighbours in the mask
    # Union-find. Each pixel points to one of its component with a smaller number, or to itself as a
    # root. Of each pair, the larger root is made to point to the smaller one, until all are equal.
    root = np.arange(n)
    while len(a) > 0:
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while (root[root] != root).any():
            root = root[root]
        a, b = root[a], root[b]
        a, b = a[a != b], b[a != b]
    numbers[mask] = root
    areas = np.bincount(root)
    return [measure(numbers == k, pixels) for k in np.argsort(-areas)[:8] if areas[k] > 9]


def measure(mask, pixels):
    """Return the Part of an image, float (h, w), that a mask shows."""
    places = np.argwhere(mask)
    first, last = places.min(axis=0), places.max(axis=0)
    at_start, at_end = first == 0, last == np.array(mask.shape) - 1
    thickness, left = -1, mask  # the thickness is odd: the mask loses two pixels of it each time
    while left.any() and not left.all():
        thickness, left = thickness + 2, ~grow(~left)
    # A stroke has the same paper on both sides. What is left of the edge of a sheet, a table or a
    # shadow is not lighter than what is on one side of it.
    paper = pixels[around(mask)]
    inside, outside = pixels[mask].mean(), paper.mean()
    surrounded = np.mean(paper < (inside + outside) / 2)
    return Part(mask, first, last - first + 1, len(places), thickness, inside - outside, surrounded,
                sum(at_start) + sum(at_end), any(at_start & at_end))


def around(mask):
    """Return the mask of what is around a part, without the pixels beside it, which are blurred."""
    return grow(mask, 3) & ~grow(mask)


def grow(mask, n=1):
    """Return the mask `n` pixels larger: a dilation."""
    for _ in range(n):
        padded = np.pad(mask, 1, mode="edge")
        rows = padded[:-2] | padded[1:-1] | padded[2:]
        mask = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return mask


def score(part):
    """Return how much a part is like a digit. The numbers were tried out with those above."""
    length = max(part.size)
    return (math.sqrt(max(part.strength, 0) * length / math.sqrt(part.mask.size))
            * min(part.area / part.thickness ** 2, 15)  # strokes are long; a frame is even longer
            * np.clip(3.5 - 10 * part.thickness / length, 0, 1)  # a sheet is too thick for strokes
            * part.surrounded ** 6  # an edge of paper or shadow has other paper on one side
            * 0.5 ** part.sides  # a table, or lines of the paper
            * (0.15 if is_wide(part) else 1))


def is_wide(part):
    """Return whether a part is rather a line of the paper, or grain of wood, than a digit."""
    return part.size[1] > 2.5 * part.size[0]


def ink_level(best, fraction):
    """Return how much ink a pixel has at this fraction of the way from the paper to the strokes."""
    paper, strokes = best.ink[around(best.part.mask)].mean(), best.ink[best.part.mask].mean()
    return paper + fraction * (strokes - paper)


def choose_parts(best):
    """Return the parts of the digit, the main one first; other large parts; frames around it."""
    parts = find_parts(best.ink > ink_level(best, EDGE), best.pixels)
    main = overlapping(parts, best.part)
    # What was drawn with the same pen may be a frame, what is in a frame, another part of the
    # digit, such as the bar of a 5, or another digit.
    drawn = [part for part in parts if part is not main and not part.spans
             and part.surrounded > 0.8 and part.strength > 0.4 * main.strength
             and part.area > 0.08 * main.area]
    frames = [part for part in drawn if encloses(part, main)]
    framed = [part for part in drawn if encloses(main, part)]
    if framed:
        frames, main = [main], framed[0]
    near, digit, others = grow(main.mask, round(0.2 * max(main.size))), [main], []
    for part in drawn:
        if part is main or any(part is frame for frame in frames):
            continue
        if (part.mask & near).any() and part.thickness < 2.5 * main.thickness + 2:
            digit.append(part)
        elif part.area > 0.2 * main.area and part.sides <= main.sides and not is_wide(part):
            others.append(part)
    return digit, others, frames


def encloses(outer, inner):
    """Return whether the box of a part is well inside that of another one."""
    margin = 0.08 * max(outer.size)
    return (min(inner.top_left - outer.top_left) > margin
            and min(outer.top_left + outer.size - inner.top_left - inner.size) > margin)


def find_doubts(candidates, digit, mask, others, frames):
    """Return a list of what makes it doubtful that the digit, a list of parts, is right.

    mask: where the digit is. others, frames: as choose_parts() returns them.
    """
    best, main = candidates[0], digit[0]
    height, width = main.size
    rows, columns = np.nonzero(mask)
    edge = np.count_nonzero(main.mask & grow(~main.mask))
    mean_thickness = 2 * main.area / edge  # since a stroke has an edge on each side
    fainter = find_parts(best.ink > ink_level(best, EDGE / 2), best.pixels)
    whole = overlapping(fainter, main)
    rivals = [each for each in candidates
              if each.score > 0.6 * best.score and not (each.part.mask & mask).any()]
    doubts = {
        "it touches the border of the picture": any(part.sides for part in digit),
        "there is another large part": others,
        "there is a frame round it": frames,
        "something else in the picture is as much like a digit": rivals,
        "it fills most of its box": main.area > 0.66 * height * width and width > 0.4 * height,
        "its strokes differ much in thickness": main.thickness > 2.4 * mean_thickness,
        "a part of it is faint": (max(whole.size - main.size) > 0.15 * max(main.size)
                                  and whole.sides <= main.sides),  # lines of the paper have more
        "it is wider than high": np.ptp(columns) > 1.2 * np.ptp(rows),
        "it is very small in the picture": max(main.size) < 0.12 * min(mask.shape),
    }
    return [doubt for doubt, holds in doubts.items() if holds]


def overlapping(parts, other):
    """Return the first of some parts that has a pixel of the other one, or else the other one."""
    return next((part for part in parts if (part.mask & other.mask).any()), other)


def cut_out(ink, mask, edge):
    """Return what is in a mask and more ink than `edge`: white on black and 80 pixels long."""
    rows, columns = np.nonzero(mask)
    smooth = Image.fromarray(np.float32(np.where(grow(mask), ink, 0)))
    smooth = smooth.crop((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    return Image.fromarray(np.uint8(255 * (np.asarray(resize(smooth, 80)) > edge)))


def thicken(digit):
    """Return the digit, 80 pixels long, with strokes that are at least as thick as MNIST's."""
    digit = ImageOps.expand(digit, 10)  # space to grow
    area = np.mean(digit)
    edge = area - np.mean(digit.filter(ImageFilter.MinFilter(3)))  # the outermost pixels
    width = 2 * area / edge  # since an edge is at each side of a stroke
    # Measured in this way, half of MNIST's own digits have widths from 6.4 to 8.9.
    missing = round((7.5 - width) / 2)  # pixels at each side
    return digit.filter(ImageFilter.MaxFilter(1 + 2 * missing)) if missing > 0 else digit


def place(digit):
    """Return the digit as uint8 (28, 28), in MNIST's size and place, with 255 at its brightest."""
    digit = np.asarray(resize(digit.crop(digit.getbbox()), 20), float)
    h, w = digit.shape
    y, x = (np.average(index, weights=digit) for index in np.indices((h, w)))
    top, left = np.clip([round(14 - y), round(14 - x)], 0, [28 - h, 28 - w])
    result = np.zeros((28, 28), np.uint8)
    result[top:top + h, left:left + w] = np.rint(255 * digit / digit.max())
    return result


def find_images(directory):
    """Return a list of (path, class) of all image files, in the order of their names.

    The class is the directory of the file or, for a file in `directory` itself, the digit with
    which its name begins. Raises DataError.
    """
    found, nameless = [], []
    for path in list_entries(directory):
        if path.is_dir():
            images = list_entries(path)
            for image in images:
                if image.is_dir():
                    raise DataError(f"{image}: a directory inside that of a class. Classes must be "
                                    f"directories in {directory}, with nothing but images")
            found += [(image, path.name) for image in images]
        elif re.match("[0-9](?![0-9])", path.name):
            found.append((path, path.name[0]))
        else:
            nameless.append(path.name)
    if nameless:
        raise DataError(f"{directory}: these names do not begin with one digit as their label: "
                        f"{', '.join(nameless)}. Rename the files, or move them into directories "
                        "that have the names of their classes")
    return found


def list_entries(directory):
    """Return the paths in a directory, sorted. Passes over hidden files. Raises DataError."""
    try:
        names = sorted(os.listdir(directory))
    except OSError as err:
        raise DataError(f"{directory}: {err.strerror}") from err
    hidden = {"Thumbs.db", "desktop.ini"}  # as Windows makes them
    paths = [directory / name for name in names if name[0] != "." and name not in hidden]
    if not paths:
        raise DataError(f"{directory}: there are no images in it")
    return paths


def number_classes(names):
    """Return the labels of classes, 0 to 9, by name. A digit is its own label. Raises DataError."""
    names = sorted(set(names))
    if len(names) > 10:
        raise DataError(f"{len(names)} classes, more than 10: {', '.join(names)}")
    digits = {name: int(name) for name in names if re.fullmatch(DIGIT, name)}
    free = [label for label in range(10) if label not in digits.values()]
    return {name: digits[name] if name in digits else free.pop(0) for name in names}


def draw_sheet(rows):
    """Return an image of (path, image, digit, doubts): images beside their digits, with names."""
    columns, width, height = 5, 224, 128
    sheet = Image.new("RGB", (columns * width, math.ceil(len(rows) / columns) * height), "grey")
    draw = ImageDraw.Draw(sheet)
    for n, (path, image, digit, doubts) in enumerate(rows):
        x, y = n % columns * width + 4, n // columns * height + 4
        sheet.paste(image, (x, y), image)
        sheet.paste(Image.fromarray(digit).resize((104, 104), Image.NEAREST), (x + 108, y))
        draw.text((x, y + 108), f"{path.parent.name}/{path.name}"[-34:])
        if doubts:
            draw.rectangle((x - 4, y - 4, x + width - 5, y + height - 5), outline="red", width=3)
    return sheet


def read_images(paths):
    """Return the digits in image files, uint8 (n, 28, 28), what draw_sheet() takes of the first
    hundred, and the number of those that are doubtful.

    Names doubtful ones, and all that can't be read, on stderr. Raises DataError if there are some.
    """
    digits, rows, n_doubtful, n_unread = np.zeros((len(paths), 28, 28), np.uint8), [], 0, 0
    for n, path in enumerate(paths):
        try:
            image, digits[n], doubts = prepare(path)
        except DataError as err:
            print(err, file=sys.stderr)
            n_unread += 1
            continue
        if doubts:
            print(f"{path}: probably wrong: {doubts}", file=sys.stderr)
            n_doubtful += 1
        if n < 100:
            image.thumbnail((104, 104))
            rows.append((path, image, digits[n], doubts))
        if (n + 1) % 500 == 0:
            print(f"{n + 1} of {len(paths)} images read", file=sys.stderr)
    if n_unread > 0:
        raise DataError(f"{n_unread} of {len(paths)} images can't be used (see above). Nothing was "
                        "written")
    return digits, rows, n_doubtful


def main(argv=None):
    """Make a data set of image files. argv: a list of arguments; None: those of the command line.

    Raises SystemExit for a bad argument, and DataError if a file or directory is not as it should
    be. In both cases, nothing is written.
    """
    parser = argparse.ArgumentParser(
        prog="python -m mnist_data.own_data",
        description="Make a data set for both scripts of image files. On a sheet, look at what "
                    "became of the images (of the first hundred).")
    parser.add_argument("images", metavar="IMAGES", type=Path,
                        help="directory of image files: their names begin with their digit, like "
                             "7.png, or they are in a directory for each class, named after it")
    parser.add_argument("train_dir", metavar="DIR", type=Path,
                        help="new directory for the data set and the sheet, images.png")
    parser.add_argument("--test-only", action="store_true",
                        help="take all images for testing and MNIST for training: a model that was "
                             "trained with MNIST can then be resumed (without this flag, a sixth "
                             "of the images is for testing, and the rest for training)")
    args = parser.parse_args(argv)
    if os.path.lexists(args.train_dir):
        raise DataError(f"{args.train_dir}: is there already. The second argument, DIR, is made "
                        "anew: choose another name or, if it is an old data set, remove it")
    found = find_images(args.images)
    label_of = number_classes(name for _, name in found)
    others = [name for name in label_of if not re.fullmatch(DIGIT, name)]
    if args.test_only and others:
        raise DataError(f"{args.images}: with --test-only, classes must be digits as MNIST's are, "
                        f"not {', '.join(others)}")
    if len(found) < 6 and not args.test_only:
        raise DataError(f"{args.images}: {len(found)} images are too few to train with: take 6 or "
                        "more, or use --test-only")
    if not args.test_only:
        found = [found[i] for i in np.random.RandomState(0).permutation(len(found))]
    paths, labels = [path for path, _ in found], np.array([label_of[name] for _, name in found])

    # All is written into another directory, which Python removes if anything ends the program.
    try:
        with tempfile.TemporaryDirectory(prefix=f"{args.train_dir.name}-",
                                         dir=args.train_dir.parent) as temporary:
            digits, rows, n_doubtful = read_images(paths)
            n_test = len(paths) if args.test_only else len(paths) // 6
            train = digits[n_test:], labels[n_test:]
            if args.test_only:
                train = read_examples(Path(__file__).parent, "train", one_hot=False)
            new = Path(temporary) / "new"
            write_data_sets(new, *train, digits[:n_test], labels[:n_test], white=255)
            draw_sheet(rows).save(new / "images.png")
            names = "".join(f"{path.name}\n" for path in paths[:n_test])
            (new / "test_images.txt").write_text(names, "utf-8", "surrogateescape")
            new.rename(args.train_dir)
    except OSError as err:
        raise DataError(f"{args.train_dir}: {err.strerror or err}") from err
    print(f"{len(train[0])} images for training, {n_test} for testing")
    for name, label in label_of.items():
        print(f"images of class {name} (label {label}): {np.sum(labels == label)}")
    print(f"probably wrong: {n_doubtful or 'none'}")
    print(f"Look at {args.train_dir / 'images.png'}: what became of the first hundred images, in a "
          "red frame where it is probably wrong")


def write_data_sets(train_dir, train_images, train_labels, test_images, test_labels, white):
    """Write arrays as the four files that read_data_sets() reads, in a new directory `train_dir`.

    images: numbers (n, 28, 28) or (n, 784), from 0 (black) to `white`. Dark digits on white are not
    noticed: give white - images. The files have bytes: pixels times 255 / white, rounded.
    labels: integers (n,), from 0 to 9, of any number type. If you have none, np.zeros(n) will do.
    white: the value of a white pixel, such as 255 for bytes, or 1 for pixels from 0 to 1.
    If the images are sorted, shuffle them with their labels first: read_data_sets() takes the
    first ones for validation.

    Raises ValueError if an array is not like this, or if all images of a set are so dark that
    `white` must be wrong; FileExistsError if the directory exists, since its other files might be
    read instead of these. In both cases, nothing is written.
    """
    if not 0 < white < math.inf:
        raise ValueError(f"white is {white}, not a finite number above 0")
    arrays = {
        "train-images-idx3-ubyte": image_bytes("train_images", train_images, white),
        "train-labels-idx1-ubyte": label_bytes("train_labels", train_labels, len(train_images)),
        "t10k-images-idx3-ubyte": image_bytes("test_images", test_images, white),
        "t10k-labels-idx1-ubyte": label_bytes("test_labels", test_labels, len(test_images)),
    }
    os.makedirs(train_dir)
    for name, array in arrays.items():
        # The bytes 0, 0, 8 and the number of dimensions; then the dimensions.
        header = np.array([0x800 + array.ndim, *array.shape], ">u4")
        with open(os.path.join(train_dir, name), "wb") as f:
            f.write(header.tobytes() + array.tobytes())


def image_bytes(name, images, white):
    """Return images as uint8 (n, 28, 28), with 255 for `white`. Raises ValueError, with `name`."""
    images = np.asarray(images)
    is_ready = images.dtype == np.uint8 and white == 255  # MNIST's 60,000 would need 376 MB
    if not is_ready:
        images = as_floats(name, images)
    if images.shape[1:] not in [(28, 28), (784,)] or len(images) == 0:
        raise ValueError(f"{name}: shape {images.shape}, not (n, 28, 28) or (n, 784)")
    low, high = images.min(), images.max()  # NaN, if there is one
    if not (low >= 0 and high <= white):  # refuses NaN, too: every comparison with NaN is false
        raise ValueError(f"{name}: pixels from {low} to {high}, not from 0 to white, {white}")
    if high < white / 2:
        raise ValueError(f"{name}: the brightest pixel, {high}, is not half of white, {white}")
    if not is_ready:
        images *= 255 / white
        images = np.rint(images, out=images).astype(np.uint8)
    return images.reshape(-1, 28, 28)


def label_bytes(name, labels, n):
    """Return labels of n images as uint8 (n,). Raises ValueError, with `name`."""
    labels = as_floats(name, labels)
    if labels.shape != (n,):
        raise ValueError(f"{name}: shape {labels.shape}, not ({n},), a label for each image")
    wrong = labels[~np.isin(labels, range(10))]
    if len(wrong) > 0:
        raise ValueError(f"{name}: {wrong[0]} is not an integer from 0 to 9")
    return labels.astype(np.uint8)


def as_floats(name, values):
    """Return numbers of any type as a new array of float64. Raises ValueError, with `name`."""
    array = np.asarray(values)
    if array.dtype == object:  # as pandas has them: let NumPy find out what they are
        array = np.array(array.tolist())
    if array.dtype.kind not in "buif":  # booleans, integers and floats
        raise ValueError(f"{name}: {array.dtype} is not a type of numbers")
    return array.astype(float)


if __name__ == "__main__":
    # The name of a class may have characters that the terminal has not.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        main()
    except DataError as err:
        sys.exit(f"own_data.py: error: {err}")
    except KeyboardInterrupt:
        sys.tracebacklimit = 0  # no traceback, only the line "KeyboardInterrupt"
        raise  # Python then ends as after any Ctrl-C, so that a loop in the shell ends, too
