"""The command line as a user meets it, and what the two scripts share."""
import gc
import inspect
import os
import runpy
import sys
import threading

import pytest
import tensorflow.compat.v1 as tf
from conftest import ROOT, SCRIPTS, costs

import autoencoder_recon
from mnist_data import input_data


def test_defaults(script, monkeypatch, tmp_path):
    """The article's, under the article's names; and the data that are beside the script, from any directory."""
    monkeypatch.chdir(tmp_path)
    args = script.make_parser().parse_args([])
    assert args.data_dir == ROOT / "mnist_data" and args.seed == 0 and args.initializer == "normal"
    for v in (args, script):
        assert (v.learning_rate, v.training_epochs, v.batch_size, v.display_step) == (0.01, 10, 256, 1)
    assert autoencoder_recon.examples_to_show == 10


def test_seed_and_init(run):
    default, again, seed, xavier = (costs(run("--training-epochs", 2, *flags).out)
                                    for flags in ([], [], ["--seed", 1], ["--init", "xavier"]))
    assert default == again and default.keys() == {"0001", "0002"}
    assert all(len({default[epoch], seed[epoch], xavier[epoch]}) == 3 for epoch in default)


@pytest.mark.parametrize("flag, values", {
    "--learning-rate": ["0", "-1", "nan", "inf", "1e39", "fast"],
    "--training-epochs": ["-1", "1.5", "ten"],
    "--batch-size": ["0", "x", "601"],
    "--display-step": ["0", "x"],
    "--init": ["zeros", ""],
    "--seed": ["-1", str(2**31 - 1), "x"],
    "--output": ["nowhere/a.png", "picture", "picture.xyz", ".png", "directory.png"],
    "--checkpoint-dir": ["file", "file/below"],
    "--log-dir": ["file", "file/below"],
}.items())
def test_bad_flags(flag, values, script, refused, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "directory.png").mkdir()
    for value in values:
        line = refused(f"{flag}={value}")
        assert line.startswith(f"{script.__name__}.py: error: argument {flag}: ") and value in line


@pytest.mark.parametrize("script", [autoencoder_recon], indirect=True)
def test_examples_to_show_and_another_format(run, refused, tmp_path):
    for value in ("0", "101"):
        assert f"--examples-to-show: {value} is not from 1 to 100" in refused("--examples-to-show", value)
    run("--training-epochs", 0, "--examples-to-show", 100, "--output", "a.SVG")  # 100 of the 60 that there are
    assert (tmp_path / "a.SVG").read_bytes().startswith(b"<?xml")


def test_what_a_line_explains(refused, monkeypatch):
    assert "601 is more than the 600 images to train on (5000 are held out)" in refused("--batch-size", 601)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    for flag in ("--checkpoint-dir", "--log-dir"):
        assert f"argument {flag}: d is not writable" in refused(flag, "d")


def test_nothing_is_left_behind_in_the_process(run):
    """An importing program finds TensorFlow's logger and Python's collector as they were."""
    level, frozen = tf.get_logger().level, gc.get_freeze_count()
    run("--training-epochs", 1, "--checkpoint-dir", "c", "--log-dir", "log")
    assert tf.get_logger().level == level <= tf.logging.WARN and gc.isenabled() and gc.get_freeze_count() == frozen


@pytest.mark.parametrize("error, status, line", [
    (input_data.DataError("d: no such directory"), 2, "error: d: no such directory"),
    (OSError(28, "No space left on device", "a.png"), 1, "error: [Errno 28] No space left on device: 'a.png'"),
    (BrokenPipeError(32, "Broken pipe"), 1, "error: stdout: Broken pipe"),
    (FloatingPointError("--learning-rate 9.0: the cost is nan"), 1, "error: --learning-rate 9.0: the cost is nan"),
    (MemoryError(), 1, "error: not enough memory"),
    (ValueError("a reader's mistake"), None, None),
])
def test_errors_of_a_script_that_is_run(error, status, line, script, monkeypatch, capsys):
    """A line and a status for what a user can mend; a traceback for all else."""
    def fail(*args, **kwargs):
        raise error
    monkeypatch.setattr(sys, "argv", [script.__file__])
    monkeypatch.setattr(tf.logging, "set_verbosity", lambda level: None)  # the tests' process keeps its own
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(input_data, "read_data_sets", fail)
    with pytest.raises(SystemExit if status else type(error)) as info:
        runpy.run_path(script.__file__, run_name="__main__")
    if status:
        assert info.value.code == status and capsys.readouterr() == ("", f"{script.__name__}.py: {line}\n")


def test_both_scripts_have_the_same_text():
    """All that follows the article, and what trains in main()."""
    texts = [inspect.getsource(script) for script in SCRIPTS]
    for beginning, end in [("\n# From here on", None), ("    mnist = ", '"Test MSE:')]:
        parts = [text.partition(beginning)[2] for text in texts]
        parts = [part.partition(end)[0] if end else part for part in parts]
        assert parts[0] == parts[1] and len(parts[0].splitlines()) > 20
