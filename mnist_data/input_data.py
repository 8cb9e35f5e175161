"""Read MNIST, or other data in its format. (own_data.py writes such data.)

Replaces `tensorflow.examples.tutorials.mnist.input_data`, which the article uses and TensorFlow has
removed. This module has the names that the article uses, the same split of the data and the same
pixel values. But it downloads nothing, and the order of the batches depends on a seed.
"""
import functools
import gzip
import math
import os
import zlib
from typing import NamedTuple

import numpy as np

GZIP = b"\x1f\x8b"  # the first two bytes of every gzip file


class DataError(ValueError):
    """A file is missing or is not what it should be. The message is one line that names it."""


class DataSet:
    """Images with their labels, given out in batches.

    images: float32 (n, 784), pixels in [0, 1]; made of the bytes at first use. It is read-only:
    next_batch() uses the bytes, so a change would not reach the batches.
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
        images = scale(self._pixels)
        images.flags.writeable = False
        return images

    @property
    def mean_image(self):
        """The mean of the images: float32 (784,), pixels in [0, 1]."""
        return scale(self._pixels.mean(axis=0))  # the bytes, which take less memory than images

    @property
    def checksum(self):
        """The CRC-32 of the pixels. Other images, or another order, nearly always change it."""
        return zlib.crc32(self._pixels)

    def next_batch(self, batch_size):
        """Return the next `batch_size` images and their labels. batch_size: at least 1.

        Each pass k through the set has its own order, permutation k. It depends on the size of the
        set, the seed and k alone. A batch may begin in one pass and end in the next.
        """
        parts, missing = [], batch_size
        while missing > 0:
            k, start = divmod(self._position, self.num_examples)
            # Fewer may be left in this permutation than are missing.
            parts.append(permutation(self.num_examples, self._seed, k)[start:start + missing])
            missing -= len(parts[-1])
            self._position += len(parts[-1])
        chosen = np.concatenate(parts)
        # take() is faster than an index in brackets.
        return scale(self._pixels.take(chosen, axis=0)), self.labels.take(chosen, axis=0)

    def skip(self, num_examples):
        """Pass over the next `num_examples` examples, as a run that is resumed must."""
        self._position += num_examples


@functools.lru_cache(maxsize=1)  # many batches come from one permutation
def permutation(n, seed, k):
    """Return permutation k of the numbers from 0 to n - 1. It depends on n, seed and k alone."""
    # NumPy promises the same permutations in all its versions only for RandomState.
    return np.random.RandomState([seed, k]).permutation(n)


def scale(pixels):
    """Return pixels from 0 to 255 as float32 from 0 to 1."""
    # TensorFlow's module multiplies by 1/255. Division by 255 would give slightly different floats.
    return np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)


class Datasets(NamedTuple):
    """The three sets, under the article's names."""
    train: DataSet
    validation: DataSet
    test: DataSet


def find_files(train_dir, name):
    """Return the paths of the file `name` and of those with similar names. Raises DataError."""
    dotted = name.replace("-idx", ".idx")  # as some mirrors write it
    names = [name, f"{name}.gz", dotted, f"{dotted}.gz"]
    try:
        present = os.listdir(train_dir)
    except OSError as err:
        raise DataError(f"{train_dir}: {err.strerror}") from err
    paths = [os.path.join(train_dir, each) for each in names if each in present]
    paths = [path for path in paths if not os.path.isdir(path)]  # some archives have directories
    if not paths:
        raise DataError(f"{train_dir}: there is no file {' or '.join(names)}")
    return paths


def read_idx(path, *shape):
    """Return the array in the IDX file `path`: uint8 (n, *shape), with n of at least 1.

    IDX, the format of MNIST's authors, begins with the bytes 0, 0, 8 (for uint8) and the number of
    dimensions. Then come the dimensions, as big-endian 32-bit numbers, and the array.
    Raises DataError.
    """
    try:
        with open(path, "rb") as f:
            contents = f.read()
        if contents.startswith(GZIP):  # the name may be wrong: a browser unpacks, but keeps .gz
            contents = gzip.decompress(contents)
    except (EOFError, zlib.error, gzip.BadGzipFile) as err:
        raise DataError(f"{path}: not a whole gzip file: {err}") from err
    except OSError as err:
        raise DataError(f"{path}: {err.strerror}") from err

    dimensions = 1 + len(shape)
    start = bytes([0, 0, 8, dimensions])
    if not contents.startswith(start):
        raise DataError(f"{path}: begins with {contents[:14]!r}, not with {start!r} like an IDX "
                        f"file of bytes with {dimensions} dimensions")
    header_size = 4 + 4 * dimensions
    if len(contents) < header_size:
        raise DataError(f"{path}: ends within its header")
    n, *found_shape = np.frombuffer(contents, ">u4", dimensions, offset=4).tolist()
    if n == 0 or found_shape != list(shape):
        raise DataError(f"{path}: {n} examples of shape {found_shape}, "
                        f"not one or more of shape {list(shape)}")
    size = header_size + n * math.prod(shape)
    if len(contents) != size:
        raise DataError(f"{path}: {len(contents)} bytes, but its header announces {size}")
    return np.frombuffer(contents, np.uint8, offset=header_size).reshape(n, *shape)


def read_array(train_dir, name, *shape):
    """Return the path and the array of the file `name`, or of one with a similar name.

    If several are there, such as a packed and an unpacked one, they must be equal.
    """
    path, *others = find_files(train_dir, name)
    array = read_idx(path, *shape)
    for other in others:
        if not np.array_equal(read_idx(other, *shape), array):
            raise DataError(f"{other}: differs from {path}. Remove the file that you do not mean")
    return path, array


def read_examples(train_dir, prefix, one_hot):
    """Return the pixels, uint8 (n, 784), and labels of the files that begin with `prefix`."""
    _, images = read_array(train_dir, f"{prefix}-images-idx3-ubyte", 28, 28)
    path, labels = read_array(train_dir, f"{prefix}-labels-idx1-ubyte")
    if len(images) != len(labels):
        raise DataError(f"{path}: {len(labels)} labels for {len(images)} images")
    if labels.max() > 9:
        raise DataError(f"{path}: label {labels.max()}, but the classes are 0 to 9")
    if one_hot:
        labels = np.eye(10, dtype=np.float32)[labels]
    return images.reshape(len(images), 784), labels


def read_data_sets(train_dir, one_hot=False, validation_size=5000, seed=0):
    """Read the four files in the directory `train_dir`: images and labels to train and to test.

    one_hot: whether labels are rows of ten numbers.
    validation_size: how many examples, the first in the training files, make the validation set.
    seed: decides the order of the batches; 0 to 2**32 - 1, the limits of NumPy.

    Returns Datasets; those of MNIST have 55,000, 5,000 and 10,000 examples.
    Raises DataError if a file is missing or is not what it should be, and ValueError for a
    validation_size below 0.
    """
    if validation_size < 0:
        raise ValueError(f"validation_size is {validation_size}, below 0")
    images, labels = read_examples(train_dir, "train", one_hot)
    if len(images) <= validation_size:
        raise DataError(f"{train_dir}: of {len(images)} training images, the first "
                        f"{validation_size} are for validation. Use a smaller --validation-size")
    return Datasets(
        train=DataSet(images[validation_size:], labels[validation_size:], seed),
        validation=DataSet(images[:validation_size], labels[:validation_size], seed),
        test=DataSet(*read_examples(train_dir, "t10k", one_hot), seed))
