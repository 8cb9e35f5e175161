"""The command line as a user meets it, and what the two scripts share."""
import gc
import inspect
import os

import pytest
import tensorflow.compat.v1 as tf
from conftest import ROOT, costs, own_lines, start

import autoencoder_recon
import encoder_2d


def test_defaults(script, monkeypatch, tmp_path):
    """The article's, under the article's names; and the data that are beside the script, from any directory."""
    monkeypatch.chdir(tmp_path)
    args = script.make_parser().parse_args([])
    assert args.data_dir == ROOT / "mnist_data" and args.seed == 0 and args.initializer == "normal"
    for values in (args, script):
        assert [values.learning_rate, values.training_epochs, values.batch_size, values.display_step] == [
            0.01, 10, 256, 1]
    assert autoencoder_recon.examples_to_show == 10
    assert str(ROOT / "mnist_data") in "".join(script.make_parser().format_help().split())


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
def test_examples_to_show(run, refused):
    for value in ("0", "101"):
        assert f"--examples-to-show: {value} is not from 1 to 100" in refused("--examples-to-show", value)
    assert run("--training-epochs", 0, "--examples-to-show", 100).out  # of the 60 that there are


def test_what_a_line_explains(refused, monkeypatch):
    assert "601 is more than the 600 images to train on (5000 are held out)" in refused("--batch-size", 601)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    for flag in ("--checkpoint-dir", "--log-dir"):
        assert f"argument {flag}: d is not writable" in refused(flag, "d")


def test_nothing_is_left_behind_in_the_process(run):
    """An importing program finds TensorFlow's logger and Python's collector as they were."""
    level, frozen = tf.get_logger().level, gc.get_freeze_count()
    run("--training-epochs", 1, "--checkpoint-dir", "c", "--log-dir", "log")
    assert tf.get_logger().level == level and gc.isenabled() and gc.get_freeze_count() == frozen


def test_a_process_refuses_in_one_line(tmp_path):
    process = start(encoder_2d, "--data-dir", "nowhere", "--checkpoint-dir", "c", cwd=tmp_path)
    out, err = process.communicate()
    assert (process.returncode, out, own_lines(err)) == (2, "", ["encoder_2d.py: error: nowhere: no such directory"])


def test_both_scripts_have_the_same_text():
    """All that follows the article, and what trains in main()."""
    texts = [inspect.getsource(script) for script in (autoencoder_recon, encoder_2d)]
    for beginning, end in [("\n# From here on", None), ("    mnist = ", '"Test MSE:')]:
        parts = [text.partition(beginning)[2] for text in texts]
        parts = [part.partition(end)[0] if end else part for part in parts]
        assert parts[0] == parts[1] and len(parts[0].splitlines()) > 20
