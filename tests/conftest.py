"""What all tests use: both scripts as modules, small sets of real MNIST, and a script as a user starts it."""
import contextlib
import gc
import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
os.environ.pop("PYTHONUNBUFFERED", None)  # it would hide what a script does when the stdout that it buffers is closed
os.environ.pop("DISPLAY", None)  # with one, plt.show() would warn that Agg has no window
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import autoencoder_recon
import encoder_2d
from mnist_data import input_data

SCRIPTS = [autoencoder_recon, encoder_2d]

gc.freeze()  # the collector's rounds through TensorFlow's modules take a good part of the tests' time


def idx_bytes(array):
    """Return an array as the contents of an IDX file of bytes."""
    return np.array([2048 + array.ndim, *array.shape], ">u4").tobytes() + array.astype(np.uint8).tobytes()


def write_mnist(path, train=5600, test=60):
    """Write the first examples of MNIST to the directory `path`, as four unpacked files."""
    path.mkdir(exist_ok=True)
    for prefix, n in [("train", train), ("t10k", test)]:
        for name, header, shape in [("images-idx3-ubyte", 16, (28, 28)), ("labels-idx1-ubyte", 8, ())]:
            with gzip.open(ROOT / "mnist_data" / f"{prefix}-{name}.gz") as f:
                values = f.read(header + n * int(np.prod(shape)))[header:]
            (path / f"{prefix}-{name}").write_bytes(idx_bytes(np.frombuffer(values, np.uint8).reshape(n, *shape)))
    return path


def start(script, *flags, cwd, **kwargs):
    """Start a script in a process of its own, as a user does, in the directory `cwd`."""
    return subprocess.Popen([sys.executable, script.__file__, *map(str, flags)], encoding="utf-8", cwd=cwd,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)


def own_lines(err):
    """Return the lines of a process's stderr but those of TensorFlow's C++ parts, some of which no setting stops."""
    theirs = r"WARNING: All log messages before absl|[IWE]\d{4} [\d:.]+ +\d+ \S+\.cc:"
    return [line for line in err.splitlines() if not re.match(theirs, line)]


def costs(out):
    """Return the printed costs, text by text of their epochs."""
    return dict(re.findall(r"^Epoch: (\d+) cost= (\S+)$", out, re.M))


def tensors(directory):
    """Return all tensors of the last checkpoint in a directory."""
    reader = tf.train.load_checkpoint(str(directory))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def snapshot(directory):
    """Return all files below a directory, with the times of their last change."""
    return {path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file()}


@pytest.fixture(params=SCRIPTS, ids=lambda script: script.__name__)
def script(request):
    yield request.param
    plt.close("all")


@pytest.fixture(scope="session")
def mnist():
    return input_data.read_data_sets(ROOT / "mnist_data")


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """Real MNIST, cut down to 600 training, 5,000 validation and 60 test images."""
    return write_mnist(tmp_path_factory.mktemp("small"))


@pytest.fixture
def run(script, small_data, tmp_path, monkeypatch, capsys):
    """Run the script's main() with flags, on the small data, in an empty directory; return its stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*flags):
        capsys.readouterr()
        script.main(["--data-dir", str(small_data), *map(str, flags)])
        return capsys.readouterr()
    return run


@pytest.fixture
def refused(run, tmp_path, capsys):
    """Run main() with flags that must be refused, with nothing written or changed. Returns the line said of them."""
    def refused(*flags):
        before = snapshot(tmp_path)
        with pytest.raises((SystemExit, input_data.DataError)) as info:
            run(*flags)
        out, err = capsys.readouterr()
        assert out == "" and snapshot(tmp_path) == before
        if isinstance(info.value, input_data.DataError):
            assert err == "" and "\n" not in str(info.value)
            return str(info.value)
        assert info.value.code == 2 and err.startswith("usage: ")
        return err.splitlines()[-1]
    return refused


@contextlib.contextmanager
def file_size_limit(size):
    """Limit how large any file of this process may grow, pytest's report as well: much like a full disk."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
