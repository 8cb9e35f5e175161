"""Reads MNIST, where the article imports `tensorflow.examples.tutorials.mnist.input_data`.

TensorFlow removed that module. This one keeps its names and its numbers (the same split, the same float32
pixels); the batch order differs: here it depends on a seed and can be entered at any point.

The IDX format: http://yann.lecun.com/exdb/mnist/
"""
import functools
import gzip
import math
import os
import zlib
from typing import NamedTuple

import numpy as np


class DataError(ValueError):
    """A file is missing or not what it should be. The message is one line that begins with the file's path."""


class DataSet:
    """Images with their labels, handed out in batches.

    images: float32 (n, 784), each pixel in [0, 1]; made from the bytes when first asked for, and then kept.
    labels: uint8 (n,), or float32 (n, 10) if one-hot.
    """

    def __init__(self, pixels, labels, seed):
        """pixels: uint8 (n, 784), as they are in the files."""
        self._pixels = pixels
        self.labels = labels
        self.num_examples = len(pixels)
        self._seed = seed
        self._position = 0  # how many examples have been drawn

    @functools.cached_property
    def images(self):
        return scale(self._pixels)

    def next_batch(self, batch_size):
        """Return the next (images, labels), `batch_size` of each (at least 1).

        The batches are cut from permutations of the set, one following on the other, so that each example
        comes up once in each permutation. Permutation k depends on the seed and on k alone.
        """
        parts, missing = [], batch_size
        while missing > 0:
            k, start = divmod(self._position, self.num_examples)
            parts.append(permutation(self.num_examples, self._seed, k)[start:start + missing])
            missing -= len(parts[-1])
            self._position += len(parts[-1])
        chosen = np.concatenate(parts)
        return scale(self._pixels.take(chosen, axis=0)), self.labels.take(chosen, axis=0)  # faster than by [chosen]

    def skip(self, num_examples):
        """Go on as if `num_examples` more had been drawn, without drawing them: for a run that is taken up again."""
        self._position += num_examples


@functools.lru_cache(maxsize=2)  # a batch may need two: across the seam from one to the next
def permutation(n, seed, k):
    """Return the numbers from 0 to n - 1 in an order that depends on n, seed and k alone."""
    # Not default_rng: NumPy promises the same permutations in all versions for RandomState alone.
    return np.random.RandomState([seed, k]).permutation(n)


def scale(pixels):
    """Return bytes as float32 from 0 to 1."""
    # Times 1/255, as in TensorFlow's own reader: divided by 255, some would have other bits.
    return np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)


class Datasets(NamedTuple):
    """The three sets, with the article's names."""
    train: DataSet
    validation: DataSet
    test: DataSet


def read_idx(train_dir, name, *shape):
    """Return the path of the IDX file `name` or `name`.gz in `train_dir`, and the uint8 array (n, *shape) in it.

    Raises DataError if there is no such file, or it isn't what it should be: first the bytes 0, 0, 8 (for uint8) and
    the number of dimensions, then the dimensions as 32-bit numbers, then the array.
    """
    dimensions = 1 + len(shape)
    path = os.path.join(train_dir, name)
    packed = not os.path.exists(path)
    if packed:
        path += ".gz"
    if not os.path.exists(path):
        raise DataError(f"{path}: no such file, nor one without .gz")
    try:
        with (gzip.open if packed else open)(path, "rb") as f:
            if f.read(4) != bytes([0, 0, 8, dimensions]):
                raise DataError(f"{path}: not an IDX file of bytes in {dimensions} dimensions")
            header = f.read(4 * dimensions)
            if len(header) < 4 * dimensions:
                raise DataError(f"{path}: ends within its header")
            n, *found = np.frombuffer(header, ">u4").tolist()
            if n == 0 or found != list(shape):
                raise DataError(f"{path}: {n} examples of shape {found}, not one or more of shape {list(shape)}")
            # A megabyte at a time: the size in a header is only a claim, and one byte more is enough to refute it.
            data, size = bytearray(), n * math.prod(shape)
            while block := f.read(min(2**20, size + 1 - len(data))):
                data += block
    except (EOFError, zlib.error, gzip.BadGzipFile) as err:
        raise DataError(f"{path}: not a whole gzip file: {err}") from err
    except OSError as err:
        raise DataError(f"{path}: {err.strerror}") from err
    if len(data) != size:
        more = " or more" if len(data) > size else ""
        raise DataError(f"{path}: {len(data)} bytes{more} after the header, which announces {size}")
    return path, np.frombuffer(data, np.uint8).reshape(n, *shape)


def read_examples(train_dir, prefix, one_hot):
    """Return the pixels, uint8 (n, 784), and labels of the pair of files that begin with `prefix`, as in DataSet."""
    _, images = read_idx(train_dir, f"{prefix}-images-idx3-ubyte", 28, 28)
    labels_path, labels = read_idx(train_dir, f"{prefix}-labels-idx1-ubyte")
    if len(images) != len(labels):
        raise DataError(f"{labels_path}: {len(labels)} labels for {len(images)} images")
    if labels.max() > 9:
        raise DataError(f"{labels_path}: label {labels.max()}, but the classes are 0 to 9")
    if one_hot:
        labels = np.eye(10, dtype=np.float32)[labels]
    return images.reshape(len(images), 784), labels


def read_data_sets(train_dir, one_hot=False, validation_size=5000, seed=0):
    """Read the four IDX files in the directory `train_dir` (MNIST's names, unpacked or `.gz`; the test set's, too).

    one_hot: labels as rows of ten instead of numbers.
    validation_size: so many examples from the beginning of the training files make the validation set.
    seed: 0 to 2**32 - 1, chooses the order of the batches.

    Returns Datasets: 55,000, 5,000 and 10,000 examples of MNIST.
    Raises DataError if one of the files is missing or not what it should be.
    """
    if not os.path.isdir(train_dir):
        raise DataError(f"{train_dir}: no such directory")
    images, labels = read_examples(train_dir, "train", one_hot)
    if len(images) <= validation_size:
        raise DataError(f"{train_dir}: {len(images)} images to train on, of which {validation_size} are held out")
    return Datasets(
        train=DataSet(images[validation_size:], labels[validation_size:], seed),
        validation=DataSet(images[:validation_size], labels[:validation_size], seed),
        test=DataSet(*read_examples(train_dir, "t10k", one_hot), seed))
