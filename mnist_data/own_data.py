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
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps, UnidentifiedImageError

from mnist_data.input_data import DataError, read_examples


def read_image(path):
    """Return the digit in an image file, prepared as MNIST's are: uint8 (28, 28), light on black.

    The file has one digit, darker or lighter than its paper. The result has strokes that are at
    least as thick as MNIST's, 20 pixels at its longer side, and its centre of mass near row and
    column 14. Raises DataError if the file is no image, or if there is no ink inside its border.
    """
    grey = invert_light_ink(put_on_paper(open_image(path)))
    digit = keep_digit(subtract_paper(grey))
    if not digit.getbbox():
        raise DataError(f"{path}: no ink stands out from the paper, except at the border")
    return place(thicken(digit))


def open_image(path):
    """Return an image file of any kind in the mode "RGBA". Raises DataError."""
    try:
        with Image.open(path) as image:
            image = ImageOps.exif_transpose(image)  # a camera only notes how it was held
        if image.mode[0] in "IF":  # 16 bits or more; convert() would clip them to 255
            pixels = np.asarray(image, float)
            image = Image.fromarray(np.uint8(255 * pixels.clip(0) / (pixels.max() or 1)))
        return image.convert("RGBA")
    except UnidentifiedImageError as err:
        raise DataError(f"{path}: not an image that Pillow can read, or damaged. Save HEIC, SVG or "
                        "PDF as PNG or JPEG") from err
    except Exception as err:  # for a damaged file, Pillow raises errors of many kinds
        raise DataError(f"{path}: {' '.join(str(err).split())}") from err


def resize(image, length):
    """Return the image with a longer side of `length` pixels."""
    factor = length / max(image.size)
    size = [max(1, round(factor * side)) for side in image.size]
    return image.resize(size, Image.BICUBIC)  # smaller pixels are averages over areas


def put_on_paper(image):
    """Return an RGBA image in grey, 500 pixels long. Where it was transparent, it is paper."""
    grey, alpha = image.convert("L"), image.getchannel("A")
    light_ink = np.average(grey, weights=np.asarray(alpha) + 1e-9) > 127  # 1e-9: all may be 0
    grey.paste(0 if light_ink else 255, mask=ImageOps.invert(alpha))
    return resize(grey, 500).filter(ImageFilter.GaussianBlur(1))  # against noise


def invert_light_ink(grey):
    """Return the image with dark ink on light paper, whichever of them was lighter."""
    small = resize(grey, 75)
    lightest = small.filter(ImageFilter.MaxFilter(25))
    darkest = small.filter(ImageFilter.MinFilter(25))
    # Around ink, most pixels are paper, so their average is nearer to the paper's brightness.
    light_paper = 2 * np.mean(small) >= np.mean(lightest) + np.mean(darkest)
    return grey if light_paper else ImageOps.invert(grey)


def subtract_paper(grey):
    """Return how much darker than the paper around it each pixel is: float (h, w)."""
    # The light grows over strokes (of less than 25 of 75 pixels), and shrinks back where something
    # is larger, such as a shadow: by a pixel more, since its edge would be left like a stroke.
    paper = resize(grey, 75).filter(ImageFilter.MaxFilter(25)).filter(ImageFilter.MinFilter(27))
    return np.subtract(paper.resize(grey.size, Image.BILINEAR), grey, dtype=float)


def keep_digit(ink):
    """Return an image that is 255 where the digit is and 0 elsewhere; 0 everywhere if none is."""
    noise = np.median(ink) - np.percentile(ink, 16)  # its standard deviation
    while True:
        # The numbers are tried out. If nothing is darker than its paper by 20 (of 255) and by 7
        # times the noise, there is no ink; otherwise, ink is what is 0.4 as dark as the darkest.
        threshold = 0.4 * ink.max() if ink.max() > max(20, 7 * noise) else np.inf
        mask = Image.fromarray(np.uint8(255 * (ink > threshold)))
        digit = drop_parts(mask)
        if digit.getbbox() or not mask.getbbox():
            return digit
        # All of it touches the border. Look for weaker ink elsewhere (which may be dirt).
        ink = np.where(np.asarray(mask.filter(ImageFilter.MaxFilter(9))) > 0, 0, ink)


def drop_parts(mask):
    """Return the mask without the connected parts that touch the border (a shadow, a table, lines
    of the paper) or that are much smaller than the largest (dirt)."""
    # Floodfill is slow, so the mask is made smaller. A pixel with any ink in it counts as ink.
    small = mask.reduce(3).point(lambda value: 255 * (value > 0))
    framed = ImageOps.expand(small, 1, fill=255)
    ImageDraw.floodfill(framed, (0, 0), 0)  # removes the frame and all that touches it
    parts = []
    while framed.getbbox():
        before = np.array(framed)
        y, x = np.argwhere(before)[0].tolist()
        ImageDraw.floodfill(framed, (x, y), 0)
        parts.append(before - np.asarray(framed))
    largest = max((part.sum() for part in parts), default=0)
    kept = sum((part for part in parts if part.sum() > largest / 10), np.zeros_like(framed))
    kept = Image.fromarray(kept[1:-1, 1:-1]).resize(mask.size, Image.NEAREST)
    return ImageChops.multiply(mask, kept)


def thicken(digit):
    """Return the digit cut out, with strokes that are at least as thick as MNIST's."""
    digit = ImageOps.expand(resize(digit.crop(digit.getbbox()), 80), 10)  # space to grow
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
    found = []
    for path in list_entries(directory):
        if path.is_dir():
            found += [(image, path.name) for image in list_entries(path)]
        elif re.match("[0-9](?![0-9])", path.name):
            found.append((path, path.name[0]))
        else:
            raise DataError(f"{path}: the name does not begin with one digit as its label. Rename "
                            "it, or move it into a directory that has the name of its class")
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
    free = [label for label in range(10) if str(label) not in names]
    return {name: int(name) if re.fullmatch("[0-9]", name) else free.pop(0) for name in names}


def draw_sheet(paths, digits):
    """Return an image of image files, each beside its digit, uint8 (28, 28), with its name."""
    columns, width, height = 5, 224, 128
    sheet = Image.new("RGB", (columns * width, math.ceil(len(paths) / columns) * height), "grey")
    for n, (path, digit) in enumerate(zip(paths, digits)):
        x, y = n % columns * width + 4, n // columns * height + 4
        original = open_image(path)
        original.thumbnail((104, 104))
        sheet.paste(original, (x, y), original)
        sheet.paste(Image.fromarray(digit).resize((104, 104), Image.NEAREST), (x + 108, y))
        ImageDraw.Draw(sheet).text((x, y + 108), f"{path.parent.name}/{path.name}"[-34:])
    return sheet


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
        raise DataError(f"{args.train_dir}: is there already. Remove it, or choose another name")
    found = find_images(args.images)
    if len(found) < 6 and not args.test_only:
        raise DataError(f"{args.images}: {len(found)} images are too few to train with: take 6 or "
                        "more, or use --test-only")
    if not args.test_only:
        found = [found[i] for i in np.random.RandomState(0).permutation(len(found))]
    label_of = number_classes(name for _, name in found)
    paths, labels = [path for path, _ in found], np.array([label_of[name] for _, name in found])
    digits = np.zeros((len(paths), 28, 28), np.uint8)
    for n, path in enumerate(paths):
        digits[n] = read_image(path)
        if (n + 1) % 500 == 0:
            print(f"{n + 1} of {len(paths)} images read", file=sys.stderr)

    n_test = len(paths) if args.test_only else len(paths) // 6
    if args.test_only:
        train = read_examples(Path(__file__).parent, "train", one_hot=False)
    else:
        train = digits[n_test:], labels[n_test:]
    write_data_sets(args.train_dir, *train, digits[:n_test], labels[:n_test], white=255)
    draw_sheet(paths[:100], digits).save(args.train_dir / "images.png")
    print(f"{len(train[0])} images for training, {n_test} for testing")
    for name, label in label_of.items():
        print(f"images of class {name} (label {label}): {np.sum(labels == label)}")
    print(f"Look at {args.train_dir / 'images.png'}: what became of the first hundred images")


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
    images = as_floats(name, images)
    if images.shape[1:] not in [(28, 28), (784,)] or len(images) == 0:
        raise ValueError(f"{name}: shape {images.shape}, not (n, 28, 28) or (n, 784)")
    low, high = images.min(), images.max()  # NaN, if there is one
    if not (low >= 0 and high <= white):  # refuses NaN, too: every comparison with NaN is false
        raise ValueError(f"{name}: pixels from {low} to {high}, not from 0 to white, {white}")
    if high < white / 2:
        raise ValueError(f"{name}: the brightest pixel, {high}, is not half of white, {white}")
    images *= 255 / white
    return np.rint(images, out=images).astype(np.uint8).reshape(-1, 28, 28)


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
    try:
        main()
    except DataError as err:
        sys.exit(f"own_data.py: error: {err}")
