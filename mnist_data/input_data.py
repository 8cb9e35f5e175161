"""Reads MNIST, where the article imports `tensorflow.examples.tutorials.mnist.input_data`.

TensorFlow removed that module. This one has the names that the article uses, the same split of the
data and the same pixel values. The order of the batches is different: it depends on a seed.
"""
import functools
import gzip
import math
import os
import zlib
from typing import NamedTuple

import numpy as np

GZIP = b"\x1f\x8b"  # the first two bytes of every gzip file
OTHER_FORMATS = {b"<!": "HTML", b"<h": "HTML", b"PK": "a zip archive", b"ve": "a Git LFS pointer",
                 GZIP: "gzip within gzip", b"": "an empty file"}


class DataError(ValueError):
    """A file is missing or is not what it should be. The message is one line that names it."""


class DataSet:
    """Images with their labels, given out in batches.

    images: float32 (n, 784), pixels in [0, 1]; made from the bytes when first used.
    labels: uint8 (n,), or float32 (n, 10) if they are one-hot. num_examples: n.
    """

    def __init__(self, pixels, labels, seed):
        """pixels: uint8 (n, 784), as they are in the files."""
        self._pixels = pixels
        self.labels = labels
        self.num_examples = len(pixels)
        self._seed = seed
        self._position = 0  # number of examples given out so far

    @functools.cached_property
    def images(self):
        return scale(self._pixels)

    def next_batch(self, batch_size):
        """Return the next `batch_size` images and their labels. batch_size: at least 1.

        The batches are cut from an endless series of permutations of the set. So each example
        comes up once in each permutation. Permutation k depends on the seed and k alone.
        """
        parts, missing = [], batch_size
        while missing > 0:
            k, start = divmod(self._position, self.num_examples)
            parts.append(permutation(self.num_examples, self._seed, k)[start:start + missing])
            missing -= len(parts[-1])
            self._position += len(parts[-1])
        chosen = np.concatenate(parts)
        # take() is faster than an index in brackets.
        return scale(self._pixels.take(chosen, axis=0)), self.labels.take(chosen, axis=0)

    def skip(self, num_examples):
        """Pass over the next `num_examples` examples."""
        self._position += num_examples


@functools.lru_cache(maxsize=2)  # a batch may need the end of one and the beginning of the next
def permutation(n, seed, k):
    """Return the numbers from 0 to n - 1 in an order that depends on n, seed and k alone."""
    # Only for RandomState, NumPy promises the same permutations in all its versions.
    return np.random.RandomState([seed, k]).permutation(n)


def scale(pixels):
    """Return bytes as float32 from 0 to 1."""
    # TensorFlow's module multiplies by 1/255. Division by 255 would give slightly other floats.
    return np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)


class Datasets(NamedTuple):
    """The three sets, under the article's names."""
    train: DataSet
    validation: DataSet
    test: DataSet


def find_file(train_dir, name):
    """Return the path of the file `name`, or of one with a similar name. Raises DataError."""
    dotted = name.replace("-idx", ".idx")
    names = [name, f"{name}.gz", dotted, f"{dotted}.gz"]
    for path in [os.path.join(train_dir, each) for each in names]:
        if os.path.isfile(path):  # not a directory, as in some archives
            return path
    raise DataError(f"{train_dir}: there is no file {' or '.join(names)}")


def read_idx(path, *shape):
    """Return the array in the IDX file `path`: uint8 (n, *shape), with n of at least 1.

    IDX, the format of MNIST's authors, begins with the bytes 0, 0, 8 (for uint8) and the number of
    dimensions. Then come the dimensions, as 32-bit numbers, and the array. Raises DataError.
    """
    dimensions = 1 + len(shape)
    try:
        with open(path, "rb") as f:
            packed = f.read(2) == GZIP  # some browsers unpack files and keep their names
        with (gzip.open if packed else open)(path, "rb") as f:
            start = f.read(4)
            if start != bytes([0, 0, 8, dimensions]):
                found = OTHER_FORMATS.get(start[:2], f"data beginning with {start.hex(' ')}")
                raise DataError(f"{path}: {found}, not IDX (uint8, dimensions: {dimensions})")
            header = f.read(4 * dimensions)
            if len(header) < 4 * dimensions:
                raise DataError(f"{path}: ends within its header")
            n, *found_shape = np.frombuffer(header, ">u4").tolist()
            if n == 0 or found_shape != list(shape):
                raise DataError(f"{path}: {n} examples of shape {found_shape}, "
                                f"not one or more of shape {list(shape)}")
            size, data = n * math.prod(shape), bytearray()
            # A wrong header may announce a huge size, so read at most a megabyte at a time. One
            # byte more than announced is enough to know that the file is too long.
            while block := f.read(min(2**20, size + 1 - len(data))):
                data += block
    except (EOFError, zlib.error, gzip.BadGzipFile) as err:
        raise DataError(f"{path}: not a whole gzip file: {err}") from err
    except OSError as err:
        raise DataError(f"{path}: {err.strerror}") from err
    if len(data) != size:
        more = " or more" if len(data) > size else ""
        raise DataError(f"{path}: {len(data)} bytes{more} after the header, which announces {size}")
    return np.frombuffer(data, np.uint8).reshape(n, *shape)


def read_examples(train_dir, prefix, one_hot):
    """Return the pixels, uint8 (n, 784), and labels of the files that begin with `prefix`."""
    images = read_idx(find_file(train_dir, f"{prefix}-images-idx3-ubyte"), 28, 28)
    labels_path = find_file(train_dir, f"{prefix}-labels-idx1-ubyte")
    labels = read_idx(labels_path)
    if len(images) != len(labels):
        raise DataError(f"{labels_path}: {len(labels)} labels for {len(images)} images")
    if labels.max() > 9:
        raise DataError(f"{labels_path}: label {labels.max()}, but the classes are 0 to 9")
    if one_hot:
        labels = np.eye(10, dtype=np.float32)[labels]
    return images.reshape(len(images), 784), labels


def read_data_sets(train_dir, one_hot=False, validation_size=5000, seed=0):
    """Read the four files in the directory `train_dir`: images and labels to train and to test.

    one_hot: whether labels are rows of ten numbers.
    validation_size: how many examples, the first in the training files, make the validation set.
    seed: 0 to 2**32 - 1; it decides the order of the batches.

    Returns Datasets; those of MNIST have 55,000, 5,000 and 10,000 examples.
    Raises DataError if a file is missing or is not what it should be.
    """
    if not os.path.isdir(train_dir):
        raise DataError(f"{train_dir}: no such directory")
    images, labels = read_examples(train_dir, "train", one_hot)
    if len(images) <= validation_size:
        raise DataError(f"{train_dir}: {len(images)} images to train on, "
                        f"but the first {validation_size} are held out for validation")
    return Datasets(
        train=DataSet(images[validation_size:], labels[validation_size:], seed),
        validation=DataSet(images[:validation_size], labels[:validation_size], seed),
        test=DataSet(*read_examples(train_dir, "t10k", one_hot), seed))
