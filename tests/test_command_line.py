"""The command line as a user meets it, what a run leaves behind, and what the two scripts share."""
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
from helpers import SCRIPTS, only_encoder, read_log

import autoencoder_recon
from mnist_data import input_data

NOT_LOCAL = "is not a local file or directory"
BAD_FLAGS = {
    "--learning-rate": {"0": "not from", "nan": "not from", "1e39": "not from", "fast": "invalid float value"},
    "--training-epochs": {"-1": "-1 is not from 0 to", "1.5": "invalid int value"},
    "--batch-size": {"0": "0 is not from 1 to", "601": "only 600 images"},
    "--validation-size": {"0": "0 is not from 1 to"},
    "--display-step": {"0": "0 is not from 1 to"},
    "--examples-to-show": {"0": "0 is not from 1 to 100", "101": "101 is not from 1 to 100"},
    "--init": {"zeros": "choose from"},
    "--seed": {"-1": "not from 0", str(2**31 - 1): "not from 0 to 2147483646"},
    "--output": {"": NOT_LOCAL, "gs://b/a.png": NOT_LOCAL, "nowhere/a.png": "nowhere/a.png: No such file or directory",
                 "directory.png": "directory.png: Is a directory", "link.png": "link.png: No such file or directory",
                 "loop.png": "loop.png: Too many levels", 300 * "a" + ".png": "File name too long",
                 "a.xyz": "a.xyz: the ending", ".png": ".png: the ending", "a.PGF": "a.PGF: the ending"},
    "--checkpoint-dir": {"gs://bucket/c": NOT_LOCAL, "run?": "pattern", "*/c": "pattern", "[c": "pattern",
                         "\\": "pattern", "mod\udce8le": "not UTF-8"},
    "--log-dir": {"gs://bucket/log": NOT_LOCAL},
    "--data-dir": {"http://server/data": NOT_LOCAL},
}


@pytest.mark.parametrize("flag", BAD_FLAGS)
def test_a_bad_flag_is_refused_in_one_line(flag, script, refused, tmp_path):
    if flag == "--examples-to-show" and script is not autoencoder_recon:
        pytest.skip("a flag of autoencoder_recon.py alone")
    (tmp_path / "directory.png").mkdir()
    (tmp_path / "link.png").symlink_to("nowhere/a.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    for value, message in BAD_FLAGS[flag].items():
        line = refused(f"{flag}={value}")
        assert line.startswith(f"{script.__name__}.py: error: argument {flag}: ") and message in line


@only_encoder
def test_a_name_that_tensorflow_writes_otherwise_is_refused(refused, monkeypatch):
    """In a locale that is not UTF-8, a model would be kept in another directory than the one named."""
    monkeypatch.setattr(os, "fsencode", lambda name: str(name).encode("latin-1"))
    for flag in ("--checkpoint-dir", "--log-dir", "--output", "--data-dir"):
        assert re.fullmatch(f".*argument {flag}: 'modèle.png' is not UTF-8.*", refused(f"{flag}=modèle.png"))


@only_encoder
def test_trying_the_output_changes_nothing(refused, tmp_path):
    """The file that --output names, or that its link leads to, is opened, and removed again if it was not there."""
    (tmp_path / "link.png").symlink_to("new.png")
    for name in ("encoder_2d.png", "link.png"):  # the first one is there
        assert refused("--output", name, "--batch-size", 601).endswith("only 600 images to train on")


@pytest.mark.parametrize("name, mode, flags, line", [
    ("old.png", 0o444, ["--output=old.png"], "argument --output: old.png: Permission denied"),
    ("closed/", 0o000, ["--output=closed/a.png"], "argument --output: closed/a.png: Permission denied"),
    ("read_only/", 0o555, ["--checkpoint-dir=read_only/c"], "^read_only/c: Permission denied"),
    ("closed/", 0o000, ["--checkpoint-dir=closed"], "^closed: .*Permission denied"),
    ("closed/", 0o000, ["--checkpoint-dir=closed/c"], "^closed/c: Permission denied"),
    ("c/checkpoint", 0o000, ["--checkpoint-dir=c"], "^c/checkpoint: missing or damaged, or .*"),
    ("read_only/", 0o555, ["--log-dir=read_only/log"], "^read_only/log: .*Permission denied"),
    ("data/t10k-labels-idx1-ubyte", 0o000, [], "^data/t10k-labels-idx1-ubyte: Permission denied"),
])
@only_encoder
def test_a_missing_permission_is_told_before_training(name, mode, flags, line, refused, small_data, monkeypatch):
    with tempfile.TemporaryDirectory() as directory:  # tmp_path is in a directory of root's alone.
        monkeypatch.chdir(directory)
        os.chmod(directory, 0o777)
        shutil.copytree(small_data, "data")
        os.chmod("data", 0o755)
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).mkdir() if name.endswith("/") else Path(name).touch()
        os.chmod(name, mode)
        user = os.geteuid()
        os.seteuid(user or 65534)  # Root may do everything, so be somebody else for a while.
        try:
            said = refused("--data-dir=data", *flags)
        finally:
            os.seteuid(user)
        assert re.search(line + "$", said), said


def test_the_picture_does_not_depend_on_matplotlib_settings(script, run, tmp_path):
    """With these settings of the user, the digits would be upside down, in grey, on a black page."""
    run("--training-epochs", 0)
    expected = (tmp_path / f"{script.__name__}.png").read_bytes()
    (tmp_path / "matplotlibrc").write_text("image.origin: lower\nimage.cmap: gray\nfigure.facecolor: black\n", "utf-8")
    with plt.style.context(tmp_path / "matplotlibrc"):  # as if the user's settings were these
        before = matplotlib.rcParams.copy()
        run("--training-epochs", 0, "--output", "a.png")
        assert matplotlib.rcParams == before
    assert (tmp_path / "a.png").read_bytes() == expected


@only_encoder
def test_nothing_is_written_outside_the_directories_given(run, small_data, monkeypatch):
    """They are found in the home directory. A pattern in the name of the log does no harm."""
    Path("home").mkdir()
    Path("home/data").symlink_to(small_data)
    monkeypatch.setenv("HOME", "home")
    run("--training-epochs", 1, "--data-dir=~/data", "--checkpoint-dir=~/c", "--log-dir=~/log[1]", "--output=~/a.png")
    assert os.listdir() == ["home"] and set(os.listdir("home")) == {"data", "c", "log[1]", "a.png"}
    assert read_log(Path("home/log[1]"))[0].keys() == {("cost", 1), ("validation_cost", 1)}


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
def run_as_main(script, small_data, tmp_path, monkeypatch):
    """A function that runs the script's file as `python` does, but in this process, in tmp_path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tf.logging, "set_verbosity", lambda level: None)  # The tests keep their log level.

    def run(*flags):
        monkeypatch.setattr(sys, "argv", [script.__file__, "--data-dir", str(small_data), *flags])
        runpy.run_path(script.__file__, run_name="__main__")
    return run


@pytest.mark.parametrize("flags, line", [
    (["--data-dir", "missing"], "missing: No such file or directory"),
    (["--checkpoint-dir", "file"], "file: File exists"),
    (["--checkpoint-dir", 300 * "c"], 300 * "c" + ": File name too long"),
    (["--log-dir", "file"], "file: file is not a directory"),
])
def test_bad_files_end_a_script_with_one_line(flags, line, script, run_as_main, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SystemExit) as info:
        run_as_main(*flags)
    # sys.exit() prints a text on stderr and ends with the status 1.
    assert info.value.code == f"{script.__name__}.py: error: {line}"


@pytest.mark.parametrize("error", [ValueError("a mistake"), FileNotFoundError(2, "No such file or directory", "font")])
def test_a_mistake_in_the_code_keeps_its_traceback(error, script, run_as_main, monkeypatch):
    def fail(*args, **kwargs):
        raise error
    drawing = "subplots" if script is autoencoder_recon else "scatter"
    for module, name in [(input_data, "read_data_sets"), (plt, drawing), (plt, "savefig")]:
        with monkeypatch.context() as patch, pytest.raises(type(error)) as info:
            patch.setattr(module, name, fail)
            run_as_main("--training-epochs", "0")
        assert info.value is error


def test_both_scripts_have_the_same_text():
    """In build_network the initial values, the cost and the optimizer; in main() the training; and all that follows."""
    texts = [inspect.getsource(script) for script in SCRIPTS]
    assert all("\n# From here on" in text for text in texts)
    for beginning, end in [
            ("        initial_weight = tf.variance", "    # A name scope"),
            ('    with tf.name_scope("encoder")', "\ndef draw"),
            ("    add_common_flags(parser)\n", '        print("Test MSE'),
            ("        picture = io.BytesIO", "\n        raise  # ")]:
        recon, encoder = (text[text.index(beginning):text.index(end)] for text in texts)
        assert recon == encoder
