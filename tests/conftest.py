"""What all tests use: both scripts as modules, small sets of real MNIST, and a script as a user starts it."""
import gc
import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
os.environ.pop("DISPLAY", None)  # with one, plt.show() would warn that Agg has no window
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import matplotlib.pyplot as plt
import numpy as np
import pytest

import autoencoder_recon
import encoder_2d
from mnist_data import input_data

DATA = ROOT / "mnist_data"
gc.freeze()  # the collector's rounds through TensorFlow's modules take a good part of the tests' time


def write_idx(path, array):
    """Write a uint8 array as an IDX file."""
    header = np.array([2048 + array.ndim, *array.shape], ">u4")
    path.write_bytes(header.tobytes() + array.astype(np.uint8).tobytes())


def write_mnist(path, train=5600, test=60):
    """Write the first examples of MNIST to the directory `path`, as four unpacked files."""
    path.mkdir(exist_ok=True)
    for prefix, n in [("train", train), ("t10k", test)]:
        for name, offset, size in [("images-idx3-ubyte", 16, 784), ("labels-idx1-ubyte", 8, 1)]:
            with gzip.open(DATA / f"{prefix}-{name}.gz") as f:
                values = np.frombuffer(f.read(offset + n * size), np.uint8)[offset:]
            write_idx(path / f"{prefix}-{name}", values.reshape(n, 28, 28) if size > 1 else values)
    return path


def mutate(rng, data):
    """Return the bytes `data` with something done to them by the random.Random `rng`."""
    at, n = rng.randrange(len(data)), rng.choice([1, 1, 4, 100, 5000])
    return rng.choice([
        data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:],
        (data[:at] + rng.randbytes(n) + data[at + n:])[:len(data)],
        data[:at],
        data[:at] + rng.randbytes(n) + data[at:],
        data + rng.randbytes(n),
        data[:at] + data[at + n:]])


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


@pytest.fixture(params=[autoencoder_recon, encoder_2d], ids=lambda script: script.__name__)
def script(request):
    yield request.param
    plt.close("all")


@pytest.fixture(scope="session")
def mnist():
    return input_data.read_data_sets(DATA)


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
    """Run main() with flags that must be refused, with nothing written or changed. Returns what is said of them."""
    def files():
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}

    def refused(*flags):
        before = files()
        with pytest.raises((SystemExit, input_data.DataError)) as info:
            run(*flags)
        out, err = capsys.readouterr()
        assert out == "" and files() == before
        if isinstance(info.value, SystemExit):  # argparse's usage, and a line
            assert info.value.code == 2 and err.startswith("usage: ")
            return err.splitlines()[-1]
        assert err == "" and "\n" not in str(info.value)
        return str(info.value)
    return refused


@pytest.fixture
def file_size_limit():
    """Return a function that limits, until the test ends, how large a file may grow: much like a full disk."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
