"""The command line as a user meets it, what a run leaves behind, and what the two scripts share."""
import argparse
import gc
import inspect
import io
import re
import runpy
import sys
import tempfile
import threading
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, SCRIPTS, read_log

import autoencoder_recon
import encoder_2d
from mnist_data import input_data


def test_defaults(script):
    """They are the article's. The data are beside the script."""
    args = script.parse_flags(argparse.ArgumentParser(), [])
    assert args.data_dir == ROOT / "mnist_data" and args.seed == 0 and args.init == "normal"
    assert (args.learning_rate, args.training_epochs, args.batch_size, args.display_step) == (0.01, 10, 256, 1)


@pytest.mark.parametrize("flag, messages", {
    "--learning-rate": {"0": "not from", "-1": "not from", "nan": "not from", "1e39": "not from", "fast": "float"},
    "--training-epochs": {"-1": "-1 is not from 0 to", "1.5": "invalid int value", "ten": "invalid int value"},
    "--batch-size": {"0": "0 is not from 1 to", "x": "invalid int value", "601": "600 "},
    "--display-step": {"0": "0 is not from 1 to", "x": "invalid int value"},
    "--init": {"zeros": "choose from", "": "choose from"},
    "--seed": {"-1": "not from 0", str(2**31 - 1): "not from 0 to 2147483646", "x": "invalid int value"},
    "--output": {"": "the name is empty", "nowhere/a.png": "nowhere/a.png: No such file or directory",
                 "directory.png": "directory.png: Is a directory", "file/a.png": "file/a.png: Not a directory",
                 "a": "a: the ending is not", "a.xyz": "a.xyz: the ending is not", ".png": ".png: the ending is not"},
    "--checkpoint-dir": {"": "the name is empty", "file": "file: File exists", "file/below": "Not a directory"},
    "--log-dir": {"": "the name is empty", "file": "file: ", "file/below": "file/below: "},
    "--data-dir": {"": "the name is empty", "nowhere": "nowhere: no such directory"},
}.items())
def test_bad_flags(flag, messages, script, refused, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "directory.png").mkdir()
    for value, message in messages.items():
        line = refused(f"{flag}={value}")
        assert line.startswith((f"{script.__name__}.py: error: argument {flag}: ", f"{value}: ")) and message in line


def test_no_permission(refused, tmp_path, monkeypatch):
    """Root may write everywhere, so the error of the operating system is played. An old picture stays."""
    def deny(*args, dir=Path("d")):
        if dir == Path("d"):
            raise PermissionError(13, "Permission denied")
        return io.BytesIO()
    (tmp_path / "a.png").write_bytes(b"old")
    (tmp_path / "d").mkdir()
    monkeypatch.setattr(Path, "open", deny)
    monkeypatch.setattr(tempfile, "TemporaryFile", deny)
    for flag, value in [("--output", "a.png"), ("--output", "d/b.png"), ("--checkpoint-dir", "d")]:
        assert refused(flag, value).endswith(f": error: argument {flag}: {value}: Permission denied")


@pytest.mark.parametrize("script", [autoencoder_recon], indirect=True)
def test_pictures(run, refused, tmp_path):
    """A refused run leaves an old picture alone. The ending decides the format. 100 examples of 60 are 60."""
    (tmp_path / "a.SVG").write_bytes(b"old")
    for value in ("0", "101"):
        assert f"--examples-to-show: {value} is not from 1 to 100" in refused("--examples-to-show", value)
    refused("--output", "a.SVG", "--data-dir", "nowhere")
    run("--training-epochs", 0, "--examples-to-show", 100, "--output", "a.SVG")
    assert (tmp_path / "a.SVG").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize("script", [encoder_2d], indirect=True)
def test_home_directory_and_log_with_brackets(run, small_data, tmp_path, monkeypatch):
    """A shell leaves the ~ of --output=~/a.png to the script."""
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    home.mkdir()
    (home / "data").symlink_to(small_data)
    run("--training-epochs", 1, "--data-dir=~/data", "--log-dir=~/log[1]", "--output=~/a.png")
    run("--training-epochs", 0, "--checkpoint-dir=~/c", "--output=~/a.png")
    assert {path.name for path in home.iterdir()} == {"data", "c", "log[1]", "a.png"}
    assert list(tmp_path.iterdir()) == [home]
    assert read_log(home / "log[1]")[0].keys() == {("cost", 1), ("validation_cost", 1)}


def process_state():
    """Return what an importing program would find changed, if a run left something behind."""
    logs = [path for path in map(Path.resolve, Path("/proc/self/fd").glob("*")) if "tfevents" in path.name]
    return {"threads": threading.enumerate(), "hooks": (threading.excepthook, sys.excepthook), "open logs": logs,
            "figures": plt.get_fignums(), "level": tf.get_logger().level, "gc": gc.isenabled()}


def test_nothing_is_left_behind_in_the_process(script, run):
    frozen = gc.get_freeze_count()  # It falls when a frozen object is no longer needed.
    before, flags = process_state(), ["--batch-size", 600, "--checkpoint-dir", "c", "--log-dir", "log"]
    run(*flags, "--training-epochs", 1)
    assert process_state() == before
    with pytest.raises(script.RunError):
        run(*flags, "--training-epochs", 3, "--learning-rate", "1e38")
    assert process_state() == before and before["level"] <= tf.logging.WARN and gc.get_freeze_count() <= frozen


@pytest.mark.parametrize("error, status, line", [
    (input_data.DataError("d: no such directory"), 2, "error: d: no such directory"),
    (KeyboardInterrupt(), 130, "interrupted.*"),
    (ValueError("a mistake"), None, None),
    (FileNotFoundError(2, "No such file or directory", "font"), None, None),
])
def test_errors_of_a_script_that_is_run(error, status, line, script, small_data, monkeypatch, capsys, tmp_path):
    """What a user can mend has a line and a status. A mistake in reading or drawing keeps its traceback."""
    def fail(*args, **kwargs):
        raise error
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [script.__file__, "--data-dir", str(small_data), "--training-epochs", "0"])
    monkeypatch.setattr(tf.logging, "set_verbosity", lambda level: None)  # The tests' process keeps its own,
    monkeypatch.setattr(gc, "freeze", lambda: None)  # and its own count.
    drawing = "subplots" if script is autoencoder_recon else "scatter"
    for module, name in [(input_data, "read_data_sets"), (plt, drawing)]:
        with monkeypatch.context() as patch, pytest.raises(SystemExit if status else type(error)) as info:
            patch.setattr(sys, "stdout", io.StringIO())  # The script closes it after an error.
            patch.setattr(module, name, fail)
            runpy.run_path(script.__file__, run_name="__main__")
        if status:
            assert info.value.code == status
            assert re.fullmatch(f"{script.__name__}.py: {line}\n", capsys.readouterr().err)


def test_both_scripts_have_the_same_text():
    """What trains in main() is the same, and all that follows the drawing."""
    texts = [inspect.getsource(script) for script in SCRIPTS]
    for beginning, end in [("\n    args = ", '"Test MSE:'), ("\n        with one_line_errors(args.output):", None)]:
        parts = [text.partition(beginning)[2] for text in texts]
        parts = [part.partition(end)[0] if end else part for part in parts]
        assert parts[0] == parts[1] and len(parts[0].splitlines()) > 20
    assert all("\n# From here on" in text for text in texts)
