"""The reader: what it makes of good files, and what it says of bad ones."""
import gc
import gzip
import random
import resource
import shutil
import struct
import subprocess
import sys
import weakref
import zlib

import numpy as np
import pytest
from conftest import DATA, ROOT, mutate, write_idx, write_mnist

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


def test_images_are_made_once_and_batches_have_their_bits(small_data):
    train = input_data.read_data_sets(small_data).train
    batch, labels = train.next_batch(600)
    assert train.images is train.images and train.images.dtype == batch.dtype == np.float32
    _, raw = input_data.read_idx(small_data, IMAGES, 2051)
    expected = raw[5000:].reshape(600, 784).astype(np.float32) * np.float32(1 / 255)
    np.testing.assert_array_equal(train.images, expected)
    # Whole images, each with its label: the batch is a permutation of the set.
    rows = sorted(zip(map(bytes, batch), labels))
    assert rows == sorted(zip(map(bytes, expected), train.labels))


def test_a_set_that_is_let_go_is_gone():
    """Without Python's collector, which would come by when it likes."""
    gc.disable()
    try:
        data_set = numbered(50)
        data_set.next_batch(7)
        assert data_set.images.shape == (50, 1)
        gone = weakref.ref(data_set)
        del data_set
        assert gone() is None
    finally:
        gc.enable()


def numbered(n, seed=0):
    """Return a DataSet whose pixels and labels are the numbers from 0."""
    return input_data.DataSet(np.arange(n, dtype=np.uint8)[:, None], np.arange(n), seed)


def test_each_example_once_in_each_pass():
    data_set = numbered(50)
    batches = [data_set.next_batch(7) for _ in range(50)]
    assert all((np.rint(images[:, 0] * 255) == labels).all() and len(labels) == 7 for images, labels in batches)
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
    "damaged gzip": (lambda d: repack(d, IMAGES, lambda b: b[:-8] + bytes(4) + b[-4:]),
                     f"{IMAGES}.gz: not a whole gzip file: CRC check failed"),
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


def read_or_refuse(directory):
    """Return the arrays of the sets in a directory; or None if the reader refuses it, in one line that names a file."""
    try:
        sets = input_data.read_data_sets(directory, validation_size=10)
    except input_data.DataError as err:
        assert str(err).startswith(f"{directory}/") and "\n" not in str(err)
        return None
    return [array for data_set in sets for array in (data_set.images, data_set.labels)]


def test_mutated_files(tmp_path):
    """Some hundred ways to harm the four files: the arrays that are in them, or the reader's own error."""
    rng = random.Random(0)
    good = write_mnist(tmp_path / "good", train=60, test=20)
    names = sorted(path.name for path in good.iterdir())
    expected, refused = read_or_refuse(good), 0
    for i in range(300):
        bad = tmp_path / f"bad{i}"
        shutil.copytree(good, bad)
        path = bad / rng.choice(names)
        packed, what = rng.random() < 0.5, rng.choice(["mutated", "mutated", "mutated", "header", "swapped"])
        if what == "swapped":
            shutil.copy(good / rng.choice(names), path)
        elif what == "header":
            data = bytearray(path.read_bytes())
            data[rng.randrange(16)] = rng.randrange(256)
            path.write_bytes(data)
        elif not packed:
            damage(path, lambda data: mutate(rng, data)[1])
        if packed and what == "mutated":
            repack(bad, path.name, lambda data: mutate(rng, data)[1])
        elif packed:
            repack(bad, path.name)
        arrays = read_or_refuse(bad)
        if arrays is None:
            refused += 1
        elif packed and what == "mutated":  # gzip has a checksum
            assert all((a == b).all() for a, b in zip(arrays, expected)), i
        else:  # other pixels and labels, but of the same number
            assert [a.shape[1:] for a in arrays] == [a.shape[1:] for a in expected], i
            assert all(len(a) == len(b) for a, b in zip(arrays[::2], arrays[1::2])), i
    assert 100 < refused < 300


def test_no_more_is_read_than_announced(small_data, tmp_path):
    """A packed file whose content runs on for a gigabyte."""
    shutil.copytree(small_data, tmp_path / "bad")
    path = tmp_path / "bad" / LABELS
    endless = zlib.compressobj(1, wbits=31)
    with open(f"{path}.gz", "wb") as f:
        f.write(endless.compress(path.read_bytes()))
        for _ in range(1024):
            f.write(endless.compress(bytes(2**20)))
        f.write(endless.flush())
    path.unlink()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(input_data.DataError, match=f"{LABELS}.gz: 5601 bytes or more after the header"):
        input_data.read_data_sets(tmp_path / "bad")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


def test_too_little_memory_for_a_good_file():
    program = (f"import resource, sys; sys.path.insert(0, {str(ROOT)!r}); from mnist_data import input_data\n"
               "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
               "resource.setrlimit(resource.RLIMIT_AS, (used + 30_000_000, used + 30_000_000))\n"
               f"try: input_data.read_data_sets({str(DATA)!r})\n"
               "except input_data.DataError as err: print(err)")
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout == f"{DATA}/train-images-idx3-ubyte.gz: not enough memory for it\n", run.stderr


def test_a_header_allocates_nothing(small_data, tmp_path):
    shutil.copytree(small_data, tmp_path / "bad")
    damage(tmp_path / "bad" / IMAGES, lambda b: header(b, 2**32 - 1, 28, 28))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="announces"):
        input_data.read_data_sets(tmp_path / "bad")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes
