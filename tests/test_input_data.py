"""The reader: what it makes of good files, and what it says of bad ones."""
import gzip
import random
import shutil
import tracemalloc
import zlib

import numpy as np
import pytest
from conftest import mutate, write_idx, write_mnist

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


def test_packed_and_unpacked_are_the_same(small_data, tmp_path):
    for path in small_data.iterdir():
        (tmp_path / (path.name + ".gz")).write_bytes(gzip.compress(path.read_bytes(), 1))
    for a, b in zip(input_data.read_data_sets(small_data), input_data.read_data_sets(tmp_path)):
        assert (a.images == b.images).all() and (a.labels == b.labels).all()


def test_images_and_batches_have_the_same_bits(small_data):
    train = input_data.read_data_sets(small_data).train
    batch, labels = train.next_batch(600)
    raw = np.frombuffer((small_data / IMAGES).read_bytes()[16:], np.uint8)
    expected = raw.reshape(5600, 784)[5000:].astype(np.float32) * np.float32(1 / 255)
    np.testing.assert_array_equal(train.images, expected)
    assert train.images is train.images and batch.dtype == np.float32
    # Whole images, each with its label: the batch is a permutation of the set.
    assert sorted(zip(map(bytes, batch), labels)) == sorted(zip(map(bytes, expected), train.labels))


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


def damage(path, change):
    path.write_bytes(change(path.read_bytes()))


def header(data, *shape):
    """Return an IDX file's bytes with other dimensions in its header."""
    return data[:4] + np.array(shape, ">u4").tobytes() + data[4 + 4 * len(shape):]


def repack(directory, name, change=lambda packed: packed):
    """Replace an unpacked file by a packed one, changed after packing."""
    path = directory / name
    (directory / (name + ".gz")).write_bytes(change(gzip.compress(path.read_bytes(), 1)))
    path.unlink()


# What is done to the directory, then what the line must hold.
BAD = {
    "no directory": (lambda d: shutil.rmtree(d), ": no such directory"),
    "no file": (lambda d: (d / LABELS).unlink(), f"{LABELS}.gz: no such file"),
    "a directory": (lambda d: ((d / LABELS).unlink(), (d / LABELS).mkdir()), f"{LABELS}: Is a directory"),
    "truncated gzip": (lambda d: repack(d, IMAGES, lambda b: b[:-5000]), f"{IMAGES}.gz: not a whole gzip file"),
    "damaged gzip": (lambda d: repack(d, IMAGES, lambda b: b[:-8] + bytes(4) + b[-4:]),
                     f"{IMAGES}.gz: not a whole gzip file: CRC check failed"),
    "not gzip": (lambda d: repack(d, IMAGES, lambda b: b"<html>not found</html>"),
                 f"{IMAGES}.gz: not a whole gzip file"),
    "not IDX": (lambda d: damage(d / IMAGES, lambda b: b"<html>not found</html>"), f"{IMAGES}: not an IDX file"),
    "empty": (lambda d: damage(d / IMAGES, lambda b: b""), f"{IMAGES}: not an IDX file"),
    "half a header": (lambda d: damage(d / IMAGES, lambda b: b[:9]), f"{IMAGES}: ends within its header"),
    "labels for images": (lambda d: shutil.copy(d / LABELS, d / IMAGES), f"{IMAGES}: not an IDX file"),
    "unequal counts": (lambda d: write_idx(d / LABELS, np.zeros(5599)), f"{LABELS}: 5599 labels for 5600 images"),
    "no images": (lambda d: write_idx(d / IMAGES, np.zeros((0, 28, 28))), f"{IMAGES}: 0 examples of shape [28, 28]"),
    "too few": (lambda d: write_mnist(d, train=5000), f"bad: 5000 images to train on, of which 5000 are held out"),
    "other size": (lambda d: write_idx(d / IMAGES, np.zeros((5600, 32, 32))), "examples of shape [32, 32]"),
    "same size": (lambda d: write_idx(d / IMAGES, np.zeros((5600, 16, 49))), "5600 examples of shape [16, 49]"),
    "bytes missing": (lambda d: damage(d / IMAGES, lambda b: b[:-1]), f"{IMAGES}: 4390399 bytes"),
    "bytes left over": (lambda d: damage(d / IMAGES, lambda b: b + b"\0"), f"{IMAGES}: 4390401 bytes"),
    "bytes left over, packed": (lambda d: (damage(d / LABELS, lambda b: b + b"\0"), repack(d, LABELS)),
                                f"{LABELS}.gz: 5601 bytes"),
    "billions": (lambda d: damage(d / IMAGES, lambda b: header(b, 2**32 - 1, 28, 28)), "announces 3367254359"),
    "zero times billions": (lambda d: damage(d / IMAGES, lambda b: header(b, 0, 2**32 - 1, 2**32 - 1)), "0 examples"),
    "eleven classes": (lambda d: write_idx(d / LABELS, np.full(5600, 10)), f"{LABELS}: label 10"),
    "bad test images": (lambda d: damage(d / "t10k-images-idx3-ubyte", lambda b: b[:-1]), "t10k-images-idx3-ubyte: "),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_files(what, small_data, tmp_path):
    directory = tmp_path / "bad"
    shutil.copytree(small_data, directory)
    change, expected = BAD[what]
    change(directory)
    with pytest.raises(input_data.DataError) as info:
        input_data.read_data_sets(directory)
    assert expected in str(info.value) and str(info.value).startswith(str(directory)) and "\n" not in str(info.value)


def test_mutated_files(tmp_path):
    """Two hundred ways to harm the four files: arrays that fit each other, or the reader's own error."""
    rng = random.Random(0)
    good = write_mnist(tmp_path / "good", train=60, test=20)
    names, refused = sorted(path.name for path in good.iterdir()), 0
    expected = [array for data_set in input_data.read_data_sets(good, validation_size=10)
                for array in (data_set.images, data_set.labels)]
    for i in range(200):
        bad = tmp_path / f"bad{i}"
        shutil.copytree(good, bad)
        path, packed = bad / rng.choice(names), i % 2
        if i % 5 == 0:
            shutil.copy(good / rng.choice(names), path)
        elif packed:
            repack(bad, path.name, lambda data: mutate(rng, data))
        else:
            damage(path, lambda data: mutate(rng, data))
        try:
            sets = input_data.read_data_sets(bad, validation_size=10)
        except input_data.DataError as err:
            assert str(err).startswith(str(bad)) and "\n" not in str(err), i
            refused += 1
            continue
        arrays = [array for data_set in sets for array in (data_set.images, data_set.labels)]
        assert [a.shape for a in arrays] == [a.shape for a in expected], i
        if packed:  # gzip has a checksum
            assert all((a == b).all() for a, b in zip(arrays, expected)) or i % 5 == 0, i
    assert 60 < refused < 200


@pytest.mark.parametrize("what", ["a header of billions", "a gigabyte in a packed file"])
def test_no_more_memory_than_the_header_announces(what, small_data, tmp_path):
    shutil.copytree(small_data, tmp_path / "bad")
    path = tmp_path / "bad" / LABELS
    if what == "a header of billions":
        damage(path, lambda data: header(data, 2**32 - 1))
    else:
        endless = zlib.compressobj(1, wbits=31)
        with open(f"{path}.gz", "wb") as f:
            f.write(endless.compress(path.read_bytes()))
            for _ in range(256):
                f.write(endless.compress(bytes(2**22)))
            f.write(endless.flush())
        path.unlink()
    tracemalloc.start()
    with pytest.raises(input_data.DataError, match=r"after the header, which announces"):
        input_data.read_data_sets(tmp_path / "bad")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000  # the images have 4,390,400 bytes
