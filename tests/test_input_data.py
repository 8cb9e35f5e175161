"""The reader: what it makes of good files, and what it says of bad ones."""
import gzip
import resource
import shutil
import struct

import numpy as np
import pytest
from conftest import DATA, write_idx, write_mnist

import autoencoder_recon
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
    _, raw = input_data.read_idx(DATA, IMAGES, 2051)
    np.testing.assert_allclose(mnist.train.images[0], raw[5000].ravel() / 255, atol=1e-7)


def test_one_hot_and_validation_size(small_data):
    plain = input_data.read_data_sets(small_data, validation_size=100)
    one_hot = input_data.read_data_sets(small_data, one_hot=True, validation_size=100)
    assert plain.train.num_examples == 5500 and plain.validation.num_examples == 100
    assert one_hot.train.labels.shape == (5500, 10) and (one_hot.train.labels.sum(axis=1) == 1).all()
    assert (one_hot.train.labels.argmax(axis=1) == plain.train.labels).all()


def test_packed_and_unpacked_are_the_same(small_data, tmp_path):
    for path in small_data.iterdir():
        (tmp_path / (path.name + ".gz")).write_bytes(gzip.compress(path.read_bytes(), 1))
    for a, b in zip(input_data.read_data_sets(small_data), input_data.read_data_sets(tmp_path)):
        assert (a.images == b.images).all() and (a.labels == b.labels).all()


def numbered(n, seed=0):
    """Return a DataSet whose images and labels are the numbers from 0."""
    return input_data.DataSet(np.arange(n)[:, None], np.arange(n), seed)


def test_each_example_once_in_each_pass():
    data_set = numbered(50)
    batches = [data_set.next_batch(7) for _ in range(50)]
    assert all((images[:, 0] == labels).all() and len(labels) == 7 for images, labels in batches)
    passes = np.concatenate([labels for _, labels in batches]).reshape(7, 50)
    for one in passes:
        assert sorted(one) == list(range(50))
    assert len({tuple(one) for one in passes}) == 7


def test_a_batch_may_be_larger_than_the_set():
    _, labels = numbered(5).next_batch(12)
    assert sorted(labels[:5]) == sorted(labels[5:10]) == list(range(5)) and len(labels) == 12


def test_order_depends_on_the_seed_and_the_position_alone():
    first = numbered(50).next_batch(10)[1]
    assert (numbered(50).next_batch(10)[1] == first).all()
    assert (numbered(50, seed=1).next_batch(10)[1] != first).any()
    unbroken, resumed = numbered(50), numbered(50)
    for _ in range(13):
        unbroken.next_batch(7)
    resumed.skip(13 * 7)
    for _ in range(13):
        assert (unbroken.next_batch(7)[1] == resumed.next_batch(7)[1]).all()


def test_batch_order_is_the_same_for_ever():
    # NumPy keeps RandomState's stream; if this fails, runs of earlier versions can't be repeated any more.
    assert numbered(10).next_batch(10)[1].tolist() == [3, 7, 6, 4, 1, 0, 2, 8, 5, 9]


def damage(path, change):
    path.write_bytes(change(path.read_bytes()))


def header(data, *shape):
    """Return an IDX file's bytes with other dimensions in its header."""
    return data[:4] + struct.pack(f">{len(shape)}I", *shape) + data[4 + 4 * len(shape):]


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
    "damaged gzip": (lambda d: repack(d, IMAGES, lambda b: b[:9000] + b"\xff" * 50 + b[9050:]),
                     f"{IMAGES}.gz: not a whole gzip file"),
    "not gzip": (lambda d: repack(d, IMAGES, lambda b: b"<html>not found</html>"),
                 f"{IMAGES}.gz: not a whole gzip file"),
    "not IDX": (lambda d: damage(d / IMAGES, lambda b: b"<html>not found</html>"), f"{IMAGES}: not an IDX file"),
    "empty": (lambda d: damage(d / IMAGES, lambda b: b""), f"{IMAGES}: not an IDX file"),
    "half a header": (lambda d: damage(d / IMAGES, lambda b: b[:9]), f"{IMAGES}: ends within its header"),
    "labels for images": (lambda d: shutil.copy(d / LABELS, d / IMAGES), f"{IMAGES}: not an IDX file"),
    "unequal counts": (lambda d: write_idx(d / LABELS, np.zeros(5599)), f"{LABELS}: 5599 labels for 5600 images"),
    "no images": (lambda d: write_idx(d / IMAGES, np.zeros((0, 28, 28))), f"{IMAGES}: no images"),
    "too few": (lambda d: write_mnist(d, train=5000), f"{IMAGES}: 5000 images"),
    "other size": (lambda d: write_idx(d / IMAGES, np.zeros((5600, 32, 32))), f"{IMAGES}: images of 32x32 pixels"),
    "same pixels, other size": (lambda d: write_idx(d / IMAGES, np.zeros((5600, 16, 49))), "images of 16x49 pixels"),
    "bytes missing": (lambda d: damage(d / IMAGES, lambda b: b[:-1]), f"{IMAGES}: 4390399 bytes"),
    "bytes left over": (lambda d: damage(d / IMAGES, lambda b: b + b"\0"), f"{IMAGES}: 4390401 bytes"),
    "bytes left over, packed": (lambda d: (damage(d / LABELS, lambda b: b + b"\0"), repack(d, LABELS)),
                                f"{LABELS}.gz: 5601 bytes"),
    "billions": (lambda d: damage(d / IMAGES, lambda b: header(b, 2**32 - 1, 28, 28)), "announces 3367254359"),
    "eleven classes": (lambda d: write_idx(d / LABELS, np.full(5600, 10)), f"{LABELS}: label 10"),
    "bad test images": (lambda d: damage(d / "t10k-images-idx3-ubyte", lambda b: b[:-1]), "t10k-images-idx3-ubyte: "),
}


@pytest.mark.parametrize("script", [autoencoder_recon], indirect=True)
@pytest.mark.parametrize("what", BAD)
def test_bad_files(what, refused, small_data, tmp_path_factory):
    directory = tmp_path_factory.mktemp("bad")
    shutil.copytree(small_data, directory, dirs_exist_ok=True)
    change, expected = BAD[what]
    change(directory)
    line = refused("--data-dir", directory)
    assert expected in line and f".py: error: {directory}" in line


def test_a_header_allocates_nothing(small_data, tmp_path):
    shutil.copytree(small_data, tmp_path / "bad")
    damage(tmp_path / "bad" / IMAGES, lambda b: header(b, 2**32 - 1, 28, 28))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="announces"):
        input_data.read_data_sets(tmp_path / "bad")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes
