"""The fixtures: scripts, data and models, and what runs a script: main() in an empty directory, or a process."""
import contextlib
import gzip
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

os.environ["MPLBACKEND"] = "Agg"
os.environ.pop("PYTHONUNBUFFERED", None)  # It would hide that a script does not flush its lines.
for display in ("DISPLAY", "WAYLAND_DISPLAY"):  # With one, plt.show() would warn that Agg has no window.
    os.environ.pop(display, None)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import matplotlib.pyplot as plt
import pytest
from helpers import ROOT, SCRIPTS, snapshot

from mnist_data import input_data


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
    """A function that runs the script's main() with flags on the small data, and returns its stdout and stderr.

    It runs in tmp_path. A --data-dir among the flags counts, since it comes after that of the small data.
    """
    monkeypatch.chdir(tmp_path)

    def run_main(*flags):
        capsys.readouterr()
        script.main(["--data-dir", str(small_data), *map(str, flags)])
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
    for script in SCRIPTS:
        flags = {"data-dir": small_data, "training-epochs": 1, "checkpoint-dir": path / script.__name__,
                 "output": path / "a.png"}
        script.main([f"--{name}={value}" for name, value in flags.items()])
    return path


@pytest.fixture(scope="session")
def mnist_runs(tmp_path_factory):
    """An epoch of each script on the whole of MNIST, by script.

    It has its directory, what it printed, its figure, its training set, and the sizes of its batches.
    """
    runs, next_batch = {}, input_data.DataSet.next_batch
    for script in SCRIPTS:
        run = runs[script] = SimpleNamespace(directory=tmp_path_factory.mktemp("mnist"), batches=[])

        def recorded(data_set, batch_size, run=run):
            run.train = data_set
            run.batches.append(batch_size)
            return next_batch(data_set, batch_size)
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as stdout:
            patch.setattr(input_data.DataSet, "next_batch", recorded)
            patch.setattr(plt, "close", lambda figure: None)
            flags = {"training-epochs": 1, "checkpoint-dir": run.directory / "c", "output": run.directory / "a.png"}
            script.main([f"--{name}={value}" for name, value in flags.items()])
        run.out, run.figure = stdout.getvalue(), plt.gcf()
    return runs


@pytest.fixture
def trained(script, run, models, tmp_path):
    """A copy of the script's model after one epoch, which a test may spoil: the directory c in tmp_path."""
    return shutil.copytree(models / script.__name__, tmp_path / "c")


@pytest.fixture
def start(tmp_path):
    """A function that starts a script as a user does, in tmp_path, and returns its process. It ends with the test."""
    with contextlib.ExitStack() as stack:
        def start_process(script, *flags, **kwargs):
            process = stack.enter_context(subprocess.Popen(
                [sys.executable, script.__file__, *map(str, flags)], encoding="utf-8", cwd=tmp_path,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs))
            stack.callback(process.kill)
            return process
        yield start_process
