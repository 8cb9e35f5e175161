"""The command line as a user meets it, and what the two scripts share."""
import gc
import inspect
import os
import re
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf
from conftest import ROOT, own_lines, start

import autoencoder_recon
import encoder_2d


def test_as_a_user_starts_it(script, run, small_data, tmp_path):
    """From another directory, without a display; and the same seed gives the same digits in two processes."""
    flags = ["--training-epochs", 3, "--output", "a.png"]
    env = {name: value for name, value in os.environ.items() if name not in ("MPLBACKEND", "DISPLAY")}
    process = start(script, "--data-dir", small_data, *flags, "--seed", 5, cwd=tmp_path, env=env)
    out, err = process.communicate()
    assert process.returncode == 0 and own_lines(err) == []
    picture = (tmp_path / "a.png").read_bytes()
    _, same, _ = run(*flags, "--seed", 5)
    assert out == same and (tmp_path / "a.png").read_bytes() == picture
    _, other, _ = run(*flags, "--seed", 6)
    numbers = [line for line in out.splitlines() if "." in line.removesuffix(".png")]
    assert len(numbers) == 4 and not set(numbers) & set(other.splitlines())


def test_defaults(script, monkeypatch, tmp_path):
    """The article's, under the article's names; and the data that are beside the script, from any directory."""
    monkeypatch.chdir(tmp_path)
    args = script.make_parser().parse_args([])
    assert args.data_dir == ROOT / "mnist_data" and args.seed == 0 and args.init == "normal"
    for values in (args, script):
        assert [values.learning_rate, values.training_epochs, values.batch_size, values.display_step] == [
            0.01, 10, 256, 1]
    assert autoencoder_recon.examples_to_show == 10


def test_help(script, capsys):
    with pytest.raises(SystemExit, match="0"):
        script.main(["--help"])
    out = capsys.readouterr().out
    assert set(vars(script.make_parser().parse_args([]))) <= {
        flag.replace("-", "_") for flag in re.findall(r"--([a-z-]+)", out)}
    assert str(ROOT / "mnist_data") in " ".join(out.split())


def test_display_step(run):
    _, out, _ = run("--training-epochs", 7, "--display-step", 3)
    assert re.findall(r"Epoch: (\d+)", out) == ["0001", "0004", "0007"]


def test_xavier_is_well_below_normal(run):
    mse = {init: float(re.search(r"Test MSE: (\S+)", run("--training-epochs", 10, "--init", init)[1])[1])
           for init in ("normal", "xavier")}
    assert mse["xavier"] < 0.7 * mse["normal"]


def test_no_epoch_draws_the_untrained_network(script, run, tmp_path):
    status, out, err = run("--training-epochs", 0)
    assert status == 0 and out.startswith("Optimization Finished!\nTest MSE: 0.")
    assert (tmp_path / f"{script.__name__}.png").exists()


@pytest.mark.parametrize("flag, values", {
    "--learning-rate": ["0", "-1", "nan", "inf", "1e39", "fast"],
    "--training-epochs": ["-1", "1.5", "ten"],
    "--batch-size": ["0", "-256", "x", "601"],
    "--display-step": ["0", "x"],
    "--init": ["zeros", ""],
    "--seed": ["-1", str(2**31 - 1), "x"],
    "--output": ["nowhere/a.png", "picture", "picture.xyz", ".png"],
}.items())
def test_bad_flags(flag, values, script, refused):
    for value in values:
        line = refused(f"{flag}={value}")
        assert line.startswith(f"{script.__name__}.py: error: argument {flag}: ")
        assert value.removesuffix("/a.png") in line


def test_bad_outputs(refused, tmp_path):
    (tmp_path / "directory.png").mkdir()
    assert "argument --output: directory.png is not the name of a " in refused("--output", "directory.png")
    assert "argument --output: /proc: " in refused("--output", "/proc/picture.png")


@pytest.mark.parametrize("script", [autoencoder_recon], indirect=True)
def test_bad_examples_to_show(refused):
    for value in ("0", "-1", "x", "61", "1001"):
        line = refused("--examples-to-show", value)
        assert line.startswith("autoencoder_recon.py: error: argument --examples-to-show: ") and value in line


@pytest.mark.parametrize("flag", ["--checkpoint-dir", "--log-dir"])
def test_bad_directories(flag, script, refused, tmp_path):
    (tmp_path / "file").write_text("")
    for directory in ("file", "file/below", "/proc", "/proc/below"):
        assert f"argument {flag}: {directory}: " in refused(flag, directory)


def test_directories_that_tensorflow_cannot_use(script, refused, run):
    for name in ("runs[1]", "a*", "b?", "c\\d", "below/e[f/g"):
        assert f"argument --checkpoint-dir: {name}: TensorFlow can't use " in refused("--checkpoint-dir", name)
    for flag in ("--checkpoint-dir", "--log-dir"):
        line = refused(flag, os.fsdecode(b"caf\xe9"))
        assert f"argument {flag}: caf" in line and ": not UTF-8" in line
    assert run("--training-epochs", 0, "--log-dir", "log[1]", "--checkpoint-dir", "caf\u00e9")[0] == 0


def test_nothing_is_left_behind_in_the_process(script, run):
    """An importing program finds TensorFlow's logger and Python's collector as they were."""
    level, frozen = tf.get_logger().level, gc.get_freeze_count()
    for _ in range(2):
        run("--training-epochs", 1, "--checkpoint-dir", "c", "--log-dir", "log")
    assert tf.get_logger().level == level
    assert gc.isenabled() and gc.get_freeze_count() == frozen


def test_collector_of_a_process(tmp_path):
    """Where a script is run, what it imports is out of the collector's reach, and the collector is on again."""
    program = ("import atexit, gc, runpy, sys; sys.argv = [sys.argv[1], '--help'];"
               "atexit.register(lambda: print(gc.isenabled(), gc.get_freeze_count() > 10_000));"
               "runpy.run_path(sys.argv[0], run_name='__main__')")
    run = subprocess.run([sys.executable, "-c", program, encoder_2d.__file__], cwd=tmp_path, text=True,
                         env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True)
    assert run.stdout.endswith("\nTrue True\n"), run.stderr


def test_refusal_of_a_process(tmp_path):
    """One line behind whatever TensorFlow says at import."""
    for process, line in [
        (start(autoencoder_recon, "--momentum", "0.9", cwd=tmp_path),
         "autoencoder_recon.py: error: unrecognized arguments: --momentum 0.9"),
        (start(encoder_2d, cwd=tmp_path, env=dict(os.environ, MPLBACKEND="module://nowhere")),
         "encoder_2d.py: error: Matplotlib's backend: No module named 'nowhere'"),
    ]:
        out, err = process.communicate()
        assert process.returncode == 2 and out == "" and os.listdir(tmp_path) == [] and own_lines(err) == [line]


def test_closed_stdout(small_data, tmp_path):
    process = start(encoder_2d, "--data-dir", small_data, "--training-epochs", 10**6, cwd=tmp_path)
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate()
    assert process.returncode == 1 and own_lines(err) == ["encoder_2d.py: error: stdout: Broken pipe"]


def test_both_scripts_have_the_same_text():
    """All that follows the article, and the loop of training."""
    texts = [inspect.getsource(script).partition("\n# From here on")[2] for script in (autoencoder_recon, encoder_2d)]
    assert texts[0] == texts[1] and "def make_parser" in texts[0] and "__main__" in texts[0]
    assert inspect.getsource(autoencoder_recon.run_training) == inspect.getsource(encoder_2d.run_training)
