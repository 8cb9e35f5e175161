"""What all tests use: both scripts as modules, small sets of real MNIST, and a script as a user starts it."""
import gc
import gzip
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
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
    """Write a uint8 array as an IDX file, packed if `path` ends in .gz."""
    header = struct.pack(f">{1 + array.ndim}I", 2048 + array.ndim, *array.shape)
    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "wb") as f:
        f.write(header + array.astype(np.uint8).tobytes())


def write_mnist(path, train=5600, test=60):
    """Write the first examples of MNIST to the directory `path`, as four unpacked files."""
    path.mkdir(exist_ok=True)
    for prefix, n in [("train", train), ("t10k", test)]:
        for name, magic in [("images-idx3-ubyte", 2051), ("labels-idx1-ubyte", 2049)]:
            _, array = input_data.read_idx(DATA, f"{prefix}-{name}", magic)
            write_idx(path / f"{prefix}-{name}", array[:n])
    return path


def mutate(rng, data):
    """Return a word for what was done to the bytes `data` by the random.Random `rng`, and what they are then."""
    at, n = rng.randrange(len(data)), rng.choice([1, 1, 4, 100, 5000])
    what = rng.choice(["bit", "bytes", "cut", "insert", "append", "remove"])
    return what, {
        "bit": data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:],
        "bytes": (data[:at] + rng.randbytes(n) + data[at + n:])[:len(data)],
        "cut": data[:at],
        "insert": data[:at] + rng.randbytes(n) + data[at:],
        "append": data + rng.randbytes(n),
        "remove": data[:at] + data[at + n:],
    }[what]


def start(script, *flags, cwd, **kwargs):
    """Start a script in a process of its own, as a user does, in the directory `cwd`."""
    return subprocess.Popen([sys.executable, script.__file__, *map(str, flags)], text=True, cwd=cwd,
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
def run(script, small_data, tmp_path, monkeypatch, capfd):
    """Run the script's main() with flags, on the small data, in an empty directory.

    Returns its exit status, its stdout and its own lines of stderr.
    """
    monkeypatch.chdir(tmp_path)

    def run(*flags):
        capfd.readouterr()
        try:
            status = script.main(["--data-dir", str(small_data), *map(str, flags)]) or 0
        except SystemExit as end:
            status = end.code
        out, err = capfd.readouterr()
        return status, out, "".join(f"{line}\n" for line in own_lines(err))
    return run


@pytest.fixture
def refused(run, tmp_path):
    """Run main() with flags that must be refused: one line, status 2, nothing written. Returns the line."""
    def refused(*flags):
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        status, out, err = run(*flags)
        assert (status, out) == (2, "")
        assert err.count("\n") == 1 and ": error: " in err
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        return err
    return refused
