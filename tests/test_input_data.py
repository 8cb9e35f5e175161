"""The reader: what it makes of good files, and what it says of bad ones."""
import gzip
import random
import shutil
import tracemalloc
import zlib

import numpy as np
import pytest
from conftest import idx_bytes, write_mnist

from mnist_data import input_data

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def test_sets(mnist):
    assert [s.num_examples for s in mnist] == [55_000, 5_000, 10_000]
    for data_set in mnist:
        assert data_set.images.shape == (data_set.num_examples, 784) and data_set.images.dtype == np.float32
        assert data_set.images.min() == 0 and data_set.images.max() == 1
        assert data_set.labels.shape == (data_set.num_examples,) and set(data_set.labels) == set(range(10))
    # The first labels of MNIST, as its README's pictures show them: 5000 validation examples come first.
    assert mnist.validation.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_one_hot_and_validation_size(small_data):
    plain = input_data.read_data_sets(small_data, validation_size=100)
    one_hot = input_data.read_data_sets(small_data, one_hot=True, validation_size=100)
    assert [len(data_set.labels) for data_set in plain] == [5500, 100, 60]
    for a, b in zip(plain, one_hot):
        assert b.labels.shape == (len(a.labels), 10) and b.labels.dtype == np.float32
        assert (b.labels.sum(axis=1) == 1).all() and (b.labels.argmax(axis=1) == a.labels).all()


def test_unpacked_files(small_data, mnist):
    """They give the same as the packed ones; images are made once, with the bits of TensorFlow's reader."""
    small = input_data.read_data_sets(small_data)
    for a, b in zip(mnist, small):
        assert (a.images[:len(b.images)] == b.images).all() and (a.labels[:len(b.labels)] == b.labels).all()
    raw = np.frombuffer((small_data / IMAGES).read_bytes()[16:], np.uint8)
    expected = raw.reshape(5600, 784)[5000:].astype(np.float32) * np.float32(1 / 255)
    np.testing.assert_array_equal(small.train.images, expected)
    assert small.train.images is small.train.images
    # Whole images, each with its label: a batch as large as the set is a permutation of it.
    batch, labels = small.train.next_batch(600)
    assert sorted(zip(map(bytes, batch), labels)) == sorted(zip(map(bytes, expected), small.train.labels))
    assert batch.dtype == np.float32


@pytest.mark.parametrize("seed", [0, 7])
def test_batches_are_cut_from_permutations(seed):
    """Whatever the sizes of batches, larger than the set or across a seam; skip() passes over as many."""
    expected = np.concatenate([np.random.RandomState([seed, k]).permutation(50) for k in range(9)])
    data_set = input_data.DataSet(np.arange(50, dtype=np.uint8)[:, None], np.arange(50), seed)
    position = 0
    for size, skipped in [(7, [])] * 15 + [(120, []), (7, [3, 4]), (1, [60]), (50, [])]:
        for n in skipped:
            data_set.skip(n)
        position += sum(skipped)
        images, labels = data_set.next_batch(size)
        np.testing.assert_array_equal(labels, expected[position:position + size])
        np.testing.assert_array_equal(np.rint(images[:, 0] * 255), labels)
        position += size
    # NumPy keeps RandomState's stream; if this fails, runs of earlier versions can't be repeated any more.
    assert np.random.RandomState([0, 0]).permutation(10).tolist() == [3, 7, 6, 4, 1, 0, 2, 8, 5, 9]


def endless(data):
    """Return what a gzip file with `data` and a gigabyte of zeros holds."""
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(data) + b"".join(packer.compress(bytes(2**22)) for _ in range(256)) + packer.flush()


# The file that is damaged, what makes its bytes (packed if `.gz`), and what the line must hold.
BAD = {
    "truncated gzip": (f"{IMAGES}.gz", lambda b: gzip.compress(b, 1)[:-5000], "not a whole gzip file"),
    "damaged gzip": (f"{IMAGES}.gz", lambda b: gzip.compress(b, 1)[:-8] + bytes(8), "not a whole gzip file: CRC check"),
    "not gzip": (f"{IMAGES}.gz", lambda b: b"<html>not found</html>", "not a whole gzip file"),
    "not IDX": (IMAGES, lambda b: b"<html>not found</html>", "not an IDX file"),
    "labels for images": (IMAGES, lambda b: idx_bytes(np.zeros(5600)), "not an IDX file of bytes in 3 dimensions"),
    "half a header": (IMAGES, lambda b: b[:9], "ends within its header"),
    "no images": (IMAGES, lambda b: idx_bytes(np.zeros((0, 28, 28))), "0 examples of shape [28, 28]"),
    "other size": (IMAGES, lambda b: idx_bytes(np.zeros((5600, 16, 49))), "5600 examples of shape [16, 49]"),
    "billions": (IMAGES, lambda b: b[:4] + b"\xff" * 4 + b[8:], "4390400 bytes after the header, which announces 3367"),
    "0 x billions": (IMAGES, lambda b: b[:4] + bytes(4) + b"\xff" * 8 + b[16:], "0 examples of shape [4294967295"),
    "a gigabyte left over": (f"{LABELS}.gz", endless, "5601 bytes or more after the header, which announces 5600"),
    "unequal counts": (LABELS, lambda b: idx_bytes(np.zeros(5599)), "5599 labels for 5600 images"),
    "eleven classes": (LABELS, lambda b: idx_bytes(np.full(5600, 10)), "label 10, but the classes are 0 to 9"),
    "bad test images": ("t10k-images-idx3-ubyte", lambda b: b[:-1], "47039 bytes after the header"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_files(what, small_data, tmp_path):
    """One line that begins with the file; and no more memory than its header announces, and than it holds."""
    shutil.copytree(small_data, tmp_path / "bad")
    name, change, expected = BAD[what]
    path = tmp_path / "bad" / name
    (tmp_path / "bad" / name.removesuffix(".gz")).rename(path)
    path.write_bytes(change(path.read_bytes()))
    tracemalloc.start()
    with pytest.raises(input_data.DataError) as info:
        input_data.read_data_sets(tmp_path / "bad")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(info.value).startswith(f"{path}: {expected}") and "\n" not in str(info.value)
    assert peak < 20_000_000  # the images have 4,390,400 bytes


def test_missing_files(small_data, tmp_path):
    shutil.copytree(small_data, tmp_path / "bad")
    (tmp_path / "bad" / LABELS).unlink()
    for directory, expected in [(tmp_path / "nowhere", "nowhere: no such directory"),
                                (tmp_path / "bad", f"{LABELS}.gz: no such file, nor one without .gz"),
                                (write_mnist(tmp_path / "few", train=5000), "few: 5000 images to train on")]:
        with pytest.raises(input_data.DataError, match=expected):
            input_data.read_data_sets(directory)


def mutate(rng, data):
    """Return the bytes `data` with something done to them by the random.Random `rng`."""
    at, n = rng.randrange(len(data)), rng.choice([1, 1, 4, 100, 5000])
    return rng.choice([data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:],
                       data[:at] + rng.randbytes(n) + data[at + n:], data[:at] + rng.randbytes(n) + data[at:],
                       data[:at], data + rng.randbytes(n), data[:at] + data[at + n:]])


def test_mutated_files(tmp_path):
    """Two hundred ways to harm the four files: arrays that fit each other, or the reader's own error."""
    def arrays(directory):
        sets = input_data.read_data_sets(directory, validation_size=10)
        return [array for data_set in sets for array in (data_set.images, data_set.labels)]
    good, rng, refused = write_mnist(tmp_path / "good", train=60, test=20), random.Random(0), 0
    expected = arrays(good)
    for i in range(200):
        bad, packed = tmp_path / f"bad{i}", i % 2
        shutil.copytree(good, bad)
        path = rng.choice(sorted(bad.iterdir()))
        data = path.read_bytes()
        if packed:
            path, data = path.rename(f"{path}.gz"), gzip.compress(data, 1)
        path.write_bytes(mutate(rng, data))
        try:
            for a, b in zip(arrays(bad), expected):
                assert a.shape == b.shape and ((a == b).all() or not packed)  # gzip has a checksum
        except input_data.DataError as err:
            assert str(err).startswith(str(path)) and "\n" not in str(err), i
            refused += 1
    assert 60 < refused < 200
