"""What the reader makes of good files, and what it says of bad ones."""
import gzip
import inspect
import shutil

import numpy as np
import pytest

from mnist_data import input_data

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def idx_bytes(array):
    """Return an array as the contents of an IDX file of bytes."""
    return np.array([0x800 + array.ndim, *array.shape], ">u4").tobytes() + array.astype(np.uint8).tobytes()


def test_the_sets_of_mnist(mnist):
    """The validation examples come first. A model is resumed only if the checksum is the one that was saved."""
    assert [data_set.num_examples for data_set in mnist] == [55_000, 5_000, 10_000]
    assert mnist.validation.labels[:5].tolist() == [5, 0, 4, 1, 9]  # These are the first labels of MNIST.
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert mnist.train.checksum == 1291483740
    assert mnist.train.mean_image.dtype == np.float32
    assert np.mean((mnist.test.images - mnist.train.mean_image) ** 2) == pytest.approx(0.067466, abs=5e-7)


def test_defaults_of_the_reader_and_one_hot_labels(small_data):
    """They are those of TensorFlow's reader, but for the seed."""
    parameters = inspect.signature(input_data.read_data_sets).parameters
    assert [parameters[name].default for name in ("one_hot", "validation_size", "seed")] == [False, 5000, 0]
    sets = input_data.read_data_sets(small_data, one_hot=True)
    images, labels = sets.train.next_batch(7)
    assert images.shape == (7, 784) and labels.shape == (7, 10) and images.dtype == labels.dtype == np.float32
    images, expected = input_data.read_data_sets(small_data).train.next_batch(7)
    np.testing.assert_array_equal(labels, np.eye(10)[expected])


def test_validation_size(small_data):
    sets = input_data.read_data_sets(small_data, validation_size=100)
    assert [len(data_set.labels) for data_set in sets] == [5500, 100, 60]
    with pytest.raises(input_data.DataError, match="of 5600 training images, the first 5600 are .*Use a smaller"):
        input_data.read_data_sets(small_data, validation_size=5600)
    with pytest.raises(ValueError, match="^validation_size is -1, below 0$"):
        input_data.read_data_sets(small_data, validation_size=-1)


def test_images_have_the_bits_of_tensorflows_reader(small_data):
    raw = np.frombuffer((small_data / IMAGES).read_bytes()[16:], np.uint8)
    expected = raw.reshape(5600, 784)[5000:].astype(np.float32) * np.float32(1 / 255)
    train = input_data.read_data_sets(small_data).train
    np.testing.assert_array_equal(train.images, expected)
    assert train.images is train.images  # They are made once.
    with pytest.raises(ValueError, match="read-only"):  # next_batch() would not give the change.
        train.images += 0.1


def test_batches_are_cut_from_permutations():
    """This holds for batches of any size, larger than the set or across a seam, and after skip()."""
    expected = np.concatenate([np.random.RandomState([7, k]).permutation(50) for k in range(9)])
    data_set = input_data.DataSet(np.arange(50, dtype=np.uint8)[:, None], np.arange(50), seed=7)
    position = 0
    input_data.permutation.cache_clear()
    for size, skipped in [(7, 0)] * 15 + [(120, 0), (7, 8), (1, 60), (50, 0)]:
        data_set.skip(skipped)
        position += skipped
        images, labels = data_set.next_batch(size)
        np.testing.assert_array_equal(labels, expected[position:position + size])
        np.testing.assert_array_equal(np.rint(images[:, 0] * 255), labels)
        position += size
    assert input_data.permutation.cache_info().misses == 7  # 0 to 4, 6 and 7 are made, each once.
    # NumPy keeps RandomState's stream. If this fails, runs of earlier versions can't be repeated any more.
    assert np.random.RandomState([0, 0]).permutation(10).tolist() == [3, 7, 6, 4, 1, 0, 2, 8, 5, 9]


# The file that is damaged, what makes its bytes, and what the line must say after the file's path.
BAD = {
    "cut gzip": (f"{IMAGES}.gz", lambda b: gzip.compress(b, 1)[:-5000], "not a whole gzip file"),
    "damaged gzip": (f"{IMAGES}.gz", lambda b: gzip.compress(b, 1)[:-8] + bytes(8), "not a whole gzip file: CRC check"),
    "changed gzip": (f"{IMAGES}.gz", lambda b: gzip.compress(b, 1)[:99] + bytes(99), "not a whole gzip file"),
    "HTML": (f"{IMAGES}.gz", lambda b: b"<!DOCTYPE html>", "begins with b'<!DOCTYPE html', not with"),
    "labels for images": (IMAGES, lambda b: idx_bytes(np.zeros(5600)), r"begins with b'\x00\x00\x08\x01"),
    "half a header": (IMAGES, lambda b: b[:9], "ends within its header"),
    "no images": (IMAGES, lambda b: idx_bytes(np.zeros((0, 28, 28))), "0 examples of shape [28, 28]"),
    "other size": (IMAGES, lambda b: idx_bytes(np.zeros((5600, 16, 49))), "5600 examples of shape [16, 49]"),
    "a byte left over": (LABELS, lambda b: b + b"x", "5609 bytes, but its header announces 5608"),
    "unequal counts": (LABELS, lambda b: idx_bytes(np.zeros(5599)), "5599 labels for 5600 images"),
    "eleven classes": (LABELS, lambda b: idx_bytes(np.full(5600, 10)), "label 10, but the classes are 0 to 9"),
    "bad test images": ("t10k-images-idx3-ubyte", lambda b: b[:-1], "47055 bytes, but its header announces 47056"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_files_are_refused_in_one_line(what, small_data, tmp_path):
    shutil.copytree(small_data, tmp_path / "bad")
    name, change, expected = BAD[what]
    path = tmp_path / "bad" / name
    (tmp_path / "bad" / name.removesuffix(".gz")).rename(path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(input_data.DataError) as info:
        input_data.read_data_sets(tmp_path / "bad")
    line = str(info.value)
    assert line.startswith(f"{path}: ") and expected in line and "\n" not in line


def test_names_of_files(small_data, tmp_path):
    """Each of these names will do, packed or not. A directory of that name is passed over."""
    data = shutil.copytree(small_data, tmp_path / "data")
    contents = (data / IMAGES).read_bytes()
    names = [IMAGES, f"{IMAGES}.gz", "train-images.idx3-ubyte", "train-images.idx3-ubyte.gz"]
    for name, packed in zip(names, [True, False, False, True]):
        (data / name).write_bytes(gzip.compress(contents, 1) if packed else contents)
        assert input_data.read_data_sets(data).train.num_examples == 600
        (data / name).unlink()
        (data / name).mkdir()
    with pytest.raises(input_data.DataError) as info:
        input_data.read_data_sets(data)
    assert str(info.value) == f"{data}: there is no file {' or '.join(names)}"


def test_two_files_of_one_name_must_be_equal(small_data, tmp_path):
    """A new data set beside an old one would be read in part, or not at all."""
    data = shutil.copytree(small_data, tmp_path / "data")
    contents = (data / IMAGES).read_bytes()
    (data / f"{IMAGES}.gz").write_bytes(contents)
    assert input_data.read_data_sets(data).train.num_examples == 600
    (data / f"{IMAGES}.gz").write_bytes(contents[:-1] + b"\7")
    with pytest.raises(input_data.DataError) as info:
        input_data.read_data_sets(data)
    assert str(info.value) == f"{data}/{IMAGES}.gz: differs from {data}/{IMAGES}. Remove the file that you do not mean"
