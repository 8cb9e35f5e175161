"""The fixtures: scripts, data and models, and what runs main() in an empty directory."""
import contextlib
import gzip
import io
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

os.environ["MPLBACKEND"] = "Agg"
# These would hide that a line is not flushed, make plt.show() warn that Agg has no window, or change messages.
for variable in ("PYTHONUNBUFFERED", "DISPLAY", "WAYLAND_DISPLAY", "TF_CPP_MIN_LOG_LEVEL", "FORCE_COLOR"):
    os.environ.pop(variable, None)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import matplotlib.pyplot as plt
import pytest
from helpers import ROOT, SCRIPTS, snapshot, tensors

import autoencoder_recon
from mnist_data import input_data

plt.rcdefaults()  # whatever this user's settings are


def pytest_configure(config):
    config.addinivalue_line("filterwarnings", "error::RuntimeWarning")  # such as of a mean of nothing, which is nan


@pytest.fixture(params=SCRIPTS, ids=lambda script: script.__name__)
def script(request):
    yield request.param
    plt.close("all")


@pytest.fixture(scope="session")
def mnist():
    return input_data.read_data_sets(ROOT / "mnist_data")


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """A directory of MNIST, unpacked and cut down to 600 training, 5,000 validation and 60 test images."""
    path = tmp_path_factory.mktemp("small")
    for prefix, n in [("train", 5600), ("t10k", 60)]:
        for name, header, size in [("images-idx3-ubyte", 16, 784), ("labels-idx1-ubyte", 8, 1)]:
            with gzip.open(ROOT / "mnist_data" / f"{prefix}-{name}.gz") as f:
                contents = f.read(header + n * size)
            count = n.to_bytes(4, "big")  # the bytes 4 to 7 of the header
            (path / f"{prefix}-{name}").write_bytes(contents[:4] + count + contents[8:])
    return path


@pytest.fixture
def run(script, small_data, tmp_path, monkeypatch, capsys):
    """A function that runs main() with flags in tmp_path, on the small data, and returns its stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run_main(*flags):
        capsys.readouterr()
        script.main(["--data-dir", str(small_data), *map(str, flags)])  # The last --data-dir counts.
        return capsys.readouterr()
    return run_main


@pytest.fixture
def refused(run, script, capsys):
    """A function that runs main() with flags that it must refuse, and returns the line that it says.

    The line is the last of a usage error, or the message of an exception. The run must print and change nothing.
    """
    Path(f"{script.__name__}.png").write_bytes(b"an old picture")

    def expect_refusal(*flags):
        before = snapshot(Path.cwd())
        with pytest.raises((SystemExit, input_data.DataError, script.RunError)) as info:
            run(*flags)
        out, err = capsys.readouterr()
        assert out == "" and snapshot(Path.cwd()) == before
        if info.type is SystemExit:
            assert info.value.code == 2 and err.startswith("usage: ")
            return err.splitlines()[-1]
        assert err == "" and "\n" not in str(info.value)
        return str(info.value)
    return expect_refusal


@pytest.fixture(scope="session")
def models(small_data, tmp_path_factory):
    """A directory with a checkpoint directory of each script, which has its model after one epoch on the small data."""
    path = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        for script in SCRIPTS:
            script.main(["--data-dir", str(small_data), "--training-epochs", "1", "--checkpoint-dir", script.__name__])
    return path


class Lines(io.StringIO):
    """A standard output in which each line must be flushed before anything else is written."""
    flushed = 0

    def flush(self):
        self.flushed = self.tell()

    def write(self, text):
        assert self.tell() == 0 or self.getvalue()[-1] != "\n" or self.flushed == self.tell()
        return super().write(text)


@pytest.fixture(scope="session")
def mnist_runs(tmp_path_factory):
    """For each script, an epoch on the last 10,000 training images of MNIST, and the same run resumed for a second one.

    first, resumed: the lines that they print. err: what both print on stderr. directory: where they ran.
    flags: those of both, without names of files. checkpoint: the last one's tensors, by name. The rest is of the
    resumed run: train, its DataSet; graph; and what there is when it shows its picture: block, pictures, figure.
    """
    return {script: run_twice(script, tmp_path_factory.mktemp("mnist")) for script in SCRIPTS}


def run_twice(script, directory):
    result = SimpleNamespace(directory=directory)
    result.flags = ["--seed", "5", "--batch-size", "480", "--learning-rate", "0.02", "--display-step", "2",
                    "--validation-size", "50000"]
    if script is autoencoder_recon:
        result.flags += ["--init", "xavier", "--examples-to-show", "7"]
    files = ["--checkpoint-dir", "new/c", "--output", "a.png", "--log-dir"]
    read_data_sets, open_log = input_data.read_data_sets, script.open_log

    def read(*args, **kwargs):
        sets = read_data_sets(*args, **kwargs)
        result.train = sets.train
        return sets

    def log(directory, graph):
        result.graph = graph
        return open_log(directory, graph)

    def show(block=None):
        result.block, result.pictures, result.figure = block, os.listdir("."), plt.gcf()

    def run(epochs):
        with contextlib.redirect_stdout(Lines()) as stdout:
            script.main([*result.flags, *files, f"log{epochs}", "--training-epochs", str(epochs)])
        assert stdout.flushed == stdout.tell()
        return stdout.getvalue().splitlines()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(io.StringIO()) as stderr:
        patch.chdir(directory)
        patch.setattr(input_data, "read_data_sets", read)
        patch.setattr(script, "open_log", log)
        patch.setattr(plt, "show", show)
        result.first, result.resumed, result.checkpoint = run(1), run(2), tensors("new/c")
    result.err = stderr.getvalue()
    return result


@pytest.fixture
def mnist_run(script, mnist_runs):
    return mnist_runs[script]


@pytest.fixture
def trained(script, run, models, tmp_path):
    """A copy of the script's model after one epoch, which a test may spoil: the directory c in tmp_path."""
    return shutil.copytree(models / script.__name__, tmp_path / "c")
