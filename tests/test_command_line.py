"""The command line as a user meets it, what a run leaves behind, and what the two scripts share."""
import contextlib
import inspect
import os
import re
import runpy
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest
import tensorflow.compat.v1 as tf
from helpers import SCRIPTS, only_encoder, only_recon, read_log

import autoencoder_recon
from mnist_data import input_data

NOT_LOCAL = "is not a local file or directory"
BAD_FLAGS = {
    "--learning-rate": {"0": "not from", "-1": "not from", "nan": "not from", "1e39": "not from", "fast": "float"},
    "--training-epochs": {"-1": "-1 is not from 0 to", "1.5": "invalid int value"},
    "--batch-size": {"0": "0 is not from 1 to", "601": "only 600 images"},
    "--validation-size": {"0": "0 is not from 1 to"},
    "--display-step": {"0": "0 is not from 1 to"},
    "--init": {"zeros": "choose from"},
    "--seed": {"-1": "not from 0", str(2**31 - 1): "not from 0 to 2147483646"},
    "--output": {"": NOT_LOCAL, "gs://b/a.png": NOT_LOCAL, "nowhere/a.png": "there is no directory",
                 "directory.png": "directory.png is a directory", "link.png": "there is no directory",
                 "a.xyz": "a.xyz: the ending", ".png": ".png: the ending"},
    "--checkpoint-dir": {"gs://bucket/c": NOT_LOCAL},
    "--log-dir": {"gs://bucket/log": NOT_LOCAL},
    "--data-dir": {"http://server/data": NOT_LOCAL},
}


def test_bad_flags_are_refused_in_one_line(script, refused, tmp_path):
    (tmp_path / "directory.png").mkdir()
    (tmp_path / "link.png").symlink_to("nowhere/a.png")
    for flag, values in BAD_FLAGS.items():
        for value, message in values.items():
            line = refused(f"{flag}={value}")
            assert line.startswith(f"{script.__name__}.py: error: argument {flag}: ") and message in line


@pytest.mark.parametrize("flags, line", [
    (["--data-dir", "missing"], "missing: No such file or directory"),
    (["--checkpoint-dir", "file"], "file: File exists"),
    (["--log-dir", "file/below"], "file/below: file is not a directory"),
])
@only_encoder
def test_a_directory_that_is_missing_or_a_file_is_refused(flags, line, refused, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert refused(*flags) == line


@only_encoder
def test_validation_images_are_not_trained_on(run, refused):
    """If 5,500 of 5,600 images are for validation, a batch of 100 can be filled, but not one of 101."""
    assert "only 100 images to train on" in refused("--validation-size", 5500, "--batch-size", 101)
    run("--validation-size", 5500, "--batch-size", 100, "--training-epochs", 1)
    assert "none is left to train on" in refused("--validation-size", 5600)


@pytest.fixture
def public_directory(small_data, monkeypatch):
    """A working directory that everybody may use, with a copy of the small data. tmp_path is root's alone."""
    with tempfile.TemporaryDirectory() as directory:
        monkeypatch.chdir(directory)
        shutil.copytree(small_data, "data")
        os.chmod(directory, 0o777)
        os.chmod("data", 0o755)
        yield Path(directory)


@contextlib.contextmanager
def without_root_privilege():
    """Root may read and write everything, so be somebody else for a while. os.access() asks for the real user."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.parametrize("name, mode, flags, line", [
    ("read_only/", 0o555, ["--output=read_only/a.png"], "argument --output: no permission to write .*/read_only/a.png"),
    ("closed/", 0o000, ["--output=closed/a.png"], "argument --output: no permission to write .*/closed/a.png"),
    ("old.png", 0o444, ["--output=old.png"], "argument --output: no permission to write .*/old.png"),
    ("read_only/", 0o555, ["--checkpoint-dir=read_only/c"], "^read_only/c: Permission denied"),
    ("c/checkpoint", 0o000, ["--checkpoint-dir=c"], "^c/checkpoint: missing or damaged, or .*"),
    ("closed/", 0o000, ["--checkpoint-dir=closed"], "^closed: .*"),
    ("read_only/", 0o555, ["--log-dir=read_only/log"], "^read_only/log: .*Permission denied"),
    ("closed/", 0o000, ["--data-dir=closed"], "^closed: Permission denied"),
    ("data/t10k-labels-idx1-ubyte", 0o000, [], "^data/t10k-labels-idx1-ubyte: Permission denied"),
])
@only_encoder
def test_a_missing_permission_is_told_before_training(name, mode, flags, line, refused, public_directory):
    path = public_directory / name
    path.parent.mkdir(exist_ok=True)
    if name.endswith("/"):
        path.mkdir()
    else:
        path.touch()
    path.chmod(mode)
    with without_root_privilege():
        said = refused("--data-dir=data", *flags)
    assert re.search(line + "$", said), said


@only_recon
def test_examples_to_show_is_from_1_to_100(refused):
    for value in ("0", "101"):
        assert f"--examples-to-show: {value} is not from 1 to 100" in refused("--examples-to-show", value)


@only_encoder
def test_the_ending_decides_the_format_of_the_picture(run, tmp_path):
    run("--training-epochs", 0, "--output", "a.SVG")
    assert (tmp_path / "a.SVG").read_bytes().startswith(b"<?xml")


@only_recon
def test_a_refused_run_leaves_an_old_picture_alone(refused, tmp_path):
    (tmp_path / "autoencoder_recon.png").write_bytes(b"old")
    refused("--data-dir", "nowhere")  # It checks that nothing has changed.


def test_the_picture_does_not_depend_on_matplotlib_settings(script, run, tmp_path):
    """With these settings of the user, the digits would be upside down, or white on white."""
    run("--training-epochs", 0)
    expected = (tmp_path / f"{script.__name__}.png").read_bytes()
    (tmp_path / "matplotlibrc").write_text("image.origin: lower\nimage.cmap: gray\n", "utf-8")
    for settings in ("dark_background", tmp_path / "matplotlibrc"):
        with plt.style.context(settings):  # as if the user's settings were these
            before = matplotlib.rcParams.copy()
            run("--training-epochs", 0, "--output", "a.png")
            assert matplotlib.rcParams == before
        assert (tmp_path / "a.png").read_bytes() == expected, settings


@only_encoder
def test_paths_in_the_home_directory(run, small_data, tmp_path, monkeypatch):
    """Nothing is written elsewhere. A pattern in the name of the log does no harm."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    (home / "data").symlink_to(small_data)
    run("--training-epochs", 1, "--data-dir=~/data", "--checkpoint-dir=~/c", "--log-dir=~/log[1]", "--output=~/a.png")
    assert {path.name for path in home.iterdir()} == {"data", "c", "log[1]", "a.png"}
    assert list(tmp_path.iterdir()) == [home]
    assert read_log(home / "log[1]")[0].keys() == {("cost", 1), ("validation_cost", 1)}


def process_state():
    """Return what an importing program would find changed, if a run left something behind."""
    logs = [path for path in map(Path.resolve, Path("/proc/self/fd").glob("*")) if "tfevents" in path.name]
    return {"threads": threading.enumerate(), "Ctrl-C": signal.getsignal(signal.SIGINT), "open logs": logs,
            "figures": plt.get_fignums(), "level": tf.get_logger().level}


def test_nothing_is_left_behind_in_the_process(script, run):
    before, flags = process_state(), ["--batch-size", 600, "--checkpoint-dir", "c", "--log-dir", "log"]
    assert before["level"] <= tf.logging.WARN
    run(*flags, "--training-epochs", 1)
    assert process_state() == before
    with pytest.raises(script.RunError):
        run(*flags, "--training-epochs", 3, "--learning-rate", "1e38")
    assert process_state() == before


@pytest.fixture
def run_as_main(script, tmp_path, monkeypatch):
    """A function that runs the script's file as `python` does, but in this process, in tmp_path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tf.logging, "set_verbosity", lambda level: None)  # The tests keep their log level.

    def run(*flags):
        monkeypatch.setattr(sys, "argv", [script.__file__, *map(str, flags)])
        runpy.run_path(script.__file__, run_name="__main__")
    return run


def test_bad_data_and_bad_checkpoints_end_a_script_with_one_line(script, run_as_main, small_data, tmp_path):
    (tmp_path / "c").write_bytes(b"")
    for flags, line in [(["--data-dir", "d"], "d: No such file or directory"),
                        (["--data-dir", small_data, "--checkpoint-dir", "c"], "c: File exists")]:
        with pytest.raises(SystemExit) as info:
            run_as_main(*flags)
        # sys.exit() prints a text on stderr and ends with the status 1.
        assert info.value.code == f"{script.__name__}.py: error: {line}"


@pytest.mark.parametrize("error", [ValueError("a mistake"), IndexError("a mistake"),
                                   FileNotFoundError(2, "No such file or directory", "font")])
def test_a_mistake_in_reading_or_drawing_keeps_its_traceback(error, script, run_as_main, small_data, monkeypatch):
    def fail(*args, **kwargs):
        raise error
    drawing = "subplots" if script is autoencoder_recon else "scatter"
    for module, name in [(input_data, "read_data_sets"), (plt, drawing)]:
        with monkeypatch.context() as patch, pytest.raises(type(error)) as info:
            patch.setattr(module, name, fail)
            run_as_main("--data-dir", small_data, "--training-epochs", 0)
        assert info.value is error


def test_the_help_does_not_need_docstrings(script, monkeypatch, capsys):
    """`python -OO` removes them."""
    monkeypatch.setattr(script, "__doc__", None)
    with pytest.raises(SystemExit):
        script.main(["--help"])
    assert capsys.readouterr().out.startswith("usage: ")


def test_both_scripts_have_the_same_text():
    """In build_network the initial values, the cost and the optimizer; in main() the training; and all that follows."""
    texts = [inspect.getsource(script) for script in SCRIPTS]
    assert all("\n# From here on" in text for text in texts)
    for beginning, end in [
            ("        initial_weight = tf.variance", "    # A name scope"),
            ('    with tf.name_scope("encoder")', "\ndef draw"),
            ("    add_common_flags(parser)\n", '        print("Test MSE'),
            ('    print(f"Saved', "        sys.exit(130)")]:
        recon, encoder = (text[text.index(beginning):text.index(end)] for text in texts)
        assert recon == encoder
