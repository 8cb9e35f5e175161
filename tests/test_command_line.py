"""The command line as a user meets it, what a run leaves behind, and what the two scripts share."""
import inspect
import os
import runpy
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from unittest.mock import Mock

import matplotlib
import matplotlib.pyplot as plt
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, SCRIPTS, only_encoder, only_recon, read_log

import autoencoder_recon
from mnist_data import input_data

NOT_LOCAL, DENIED, PATTERN = "is not a local file or directory", "Permission denied", "TensorFlow takes"
REFUSED = {  # values of flags, and how the line about them begins, after "error: argument FLAG: " in a usage error
    "--learning-rate": {"0": "0 is not from", "nan": "nan is not", "1e39": "1e39 is not", "fast": "invalid float"},
    "--training-epochs": {"-1": "-1 is not from 0 to", "1.5": "invalid int value"},
    "--batch-size": {"0": "0 is not from 1 to", "601": "only 600 images to train on"},
    "--validation-size": {"0": "0 is not from 1 to"},
    "--display-step": {"0": "0 is not from 1 to"},
    "--examples-to-show": {"0": "0 is not from 1 to 100", "101": "101 is not from 1 to 100"},
    "--init": {"zeros": "invalid choice: 'zeros'"},
    "--seed": {"-1": "-1 is not from 0", "2147483647": "2147483647 is not from 0 to 2147483646"},
    "--output": {"": f"'' {NOT_LOCAL}", "gs://b/a.png": f"'gs://b/a.png' {NOT_LOCAL}",
                 "nowhere/a.png": "nowhere/a.png: No such file or directory",
                 "directory.png": "directory.png: Is a directory", "link.png": "link.png: No such file or directory",
                 "closed/a.png": f"closed/a.png: {DENIED}", "old.png": f"old.png: {DENIED}",
                 "a.xyz": "a.xyz: the ending", ".png": ".png: the ending", "a.PGF": "a.PGF: the ending"},
    "--checkpoint-dir": {"gs://bucket/c": f"'gs://bucket/c' {NOT_LOCAL}", "mod\udce8le": "'mod\\udce8le' is not UTF-8",
                         "run?": f"run?: {PATTERN}", "*/c": f"*/c: {PATTERN}", "[c": f"[c: {PATTERN}",
                         "\\": f"\\: {PATTERN}", 300 * "c": 300 * "c" + ": File name too long",
                         "file": "file: Not a directory", "read_only/c": f"read_only/c: {DENIED}",
                         "closed": f"closed: {DENIED}", "closed/c": f"closed/c: {DENIED}",
                         "unreadable": "unreadable/checkpoint: missing or damaged"},
    "--log-dir": {"gs://bucket/log": f"'gs://bucket/log' {NOT_LOCAL}", "file": "file: file is not a directory",
                  "read_only/log": f"read_only/log: read_only/log; {DENIED}"},
    "--data-dir": {"http://server/data": f"'http://server/data' {NOT_LOCAL}", "missing": "missing: No such file",
                   "unreadable": f"unreadable/train-images-idx3-ubyte: {DENIED}"},
}


@only_recon
@pytest.mark.parametrize("flag", REFUSED)
def test_what_is_refused_before_the_training(flag, refused, small_data, monkeypatch):
    """The file that --output names, or that its link leads to, is opened, and removed again if it was not there."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as directory:  # tmp_path is in a directory of this user's alone.
        monkeypatch.chdir(directory)
        os.chmod(directory, 0o777)
        shutil.copytree(small_data, "data", copy_function=shutil.copyfile)
        os.symlink("nowhere/a.png", "link.png")
        os.symlink("new.png", "link_to_new.png")
        for name, mode in [("directory.png", 0o777), ("unreadable", 0o777), ("read_only", 0o555), ("closed", 0o000)]:
            Path(name).mkdir()
            os.chmod(name, mode)
        for path in [Path("data"), *Path("data").iterdir()]:
            path.chmod(0o755)
        for name in ("file", "old.png", "unreadable/checkpoint", "unreadable/train-images-idx3-ubyte"):
            Path(name).touch(0o000)
        try:
            os.seteuid(user or 65534)  # Root may do everything, so be somebody else for a while.
            lines = {value: refused("--data-dir=data", "--output=link_to_new.png", f"{flag}={value}")
                     for value in REFUSED[flag]}
        finally:
            os.seteuid(user)
    for value, line in lines.items():
        assert line.removeprefix(f"autoencoder_recon.py: error: argument {flag}: ").startswith(REFUSED[flag][value])


def test_the_picture_does_not_depend_on_matplotlib_settings(script, run, tmp_path):
    """With these settings of the user, the digits would be upside down, in grey, on a black page."""
    run("--training-epochs", 0)
    expected = (tmp_path / f"{script.__name__}.png").read_bytes()
    settings = {"image.origin": "lower", "image.cmap": "gray", "figure.facecolor": "black", "savefig.dpi": 30}
    with plt.style.context(settings | {"savefig.facecolor": "red"}):  # as if the user's settings were these
        before = matplotlib.rcParams.copy()
        run("--training-epochs", 0, "--output", "a.png")
        assert matplotlib.rcParams == before
    assert (tmp_path / "a.png").read_bytes() == expected


def test_defaults_of_flags_are_the_articles(script, monkeypatch):
    flags = {}
    monkeypatch.setattr(script, "check_paths", lambda parser, args: sys.exit(flags.update(vars(args))))
    with pytest.raises(SystemExit):
        script.main([])
    expected = {"examples_to_show": 10} if script is autoencoder_recon else {}
    assert flags == expected | {
        "data_dir": ROOT / "mnist_data", "validation_size": 5000, "learning_rate": 0.01, "training_epochs": 10,
        "batch_size": 256, "display_step": 1, "init": "normal", "seed": 0, "output": Path(f"{script.__name__}.png"),
        "checkpoint_dir": None, "log_dir": None}


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
    return {"threads": threading.enumerate(), "Ctrl-C": signal.getsignal(signal.SIGINT),
            "open files": len(os.listdir("/dev/fd")), "figures": plt.get_fignums(), "level": tf.get_logger().level}


def test_nothing_is_left_behind_in_the_process(script, run):
    """A figure of the process itself is not closed."""
    plt.figure()
    before, flags = process_state(), ["--batch-size", 600, "--checkpoint-dir", "c", "--log-dir", "log"]
    assert before["level"] <= tf.logging.WARN
    run(*flags, "--training-epochs", 1)
    assert process_state() == before
    with pytest.raises(script.RunError):
        run("--log-dir", "log", "--learning-rate", "1e38")
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


@only_recon
@pytest.mark.parametrize("flags, line", [
    (["--data-dir", "missing"], "missing: No such file or directory"),  # a DataError
    (["--log-dir", "file"], "file: file is not a directory"),  # a RunError
])
def test_bad_files_end_a_script_with_one_line(flags, line, script, run_as_main, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SystemExit) as info:
        run_as_main(*flags)
    # sys.exit() prints a text on stderr and ends with the status 1.
    assert info.value.code == f"{script.__name__}.py: error: {line}"


def test_a_mistake_in_the_code_keeps_its_traceback(script, run_as_main, monkeypatch):
    error = FileNotFoundError(2, "No such file or directory", "font")
    drawing = "subplots" if script is autoencoder_recon else "scatter"
    for module, name in [(input_data, "read_data_sets"), (plt, drawing), (plt, "savefig")]:
        with monkeypatch.context() as patch, pytest.raises(FileNotFoundError) as info:
            patch.setattr(module, name, Mock(side_effect=error))
            run_as_main("--training-epochs", "0")
        assert info.value is error


def test_both_scripts_have_the_same_text():
    """In build_network the initial values, the cost and the optimizer; in main() the training; and all that follows."""
    texts = [inspect.getsource(script) for script in SCRIPTS]
    assert all("\n# From here on" in text for text in texts)
    for beginning, end in [
            ("        initial_weight = tf.variance", "    # A name scope"),
            ('    with tf.name_scope("encoder")', "\ndef draw"),
            ("    add_common_flags(parser)\n", "        print(\"Optimization"),
            ("    # The MSE of the", "    with plt.style"),
            ("        picture = io.BytesIO", "\n        raise  # ")]:
        recon, encoder = (text[text.index(beginning):text.index(end)] for text in texts)
        assert recon == encoder
