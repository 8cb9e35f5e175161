"""A run that was stopped goes on as if it had not been. A checkpoint that can't be used is refused in one line."""
import concurrent.futures
import os
import random
import re
import shutil
import signal
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import SCRIPTS, assert_same_tensors, costs, snapshot, start, tensors, without_tensorflow_lines

import autoencoder_recon
import encoder_2d


def test_resumed_equals_unbroken(script, run, tmp_path):
    """The run has three parts, of which the first trains nothing. A fourth finds nothing left, and draws again."""
    unbroken, err = run("--training-epochs", 5, "--checkpoint-dir", "a", "--batch-size", 250)
    assert err == ""
    lines, name = [], script.__name__
    for epochs, restored in [(0, None), (2, 0), (5, 2), (4, 5)]:
        before = snapshot(tmp_path / "b")
        out, err = run("--training-epochs", epochs, "--checkpoint-dir", "b", "--batch-size", 250)
        *printed, finished, test_mse, saved = out.splitlines()
        lines += printed
        expected = f"{name}.py: restored b/{name}-{restored}, after epoch {restored}\n"
        assert err == ("" if restored is None else expected)
        assert (snapshot(tmp_path / "b") == before) == (epochs == 4)
    assert [*lines, finished, test_mse, saved] == unbroken.splitlines()
    assert_same_tensors("a", "b")


def kill_and_resume(script, small_data, directory):
    """Kill a run, go on with it, and then press Ctrl-C or close its stdout."""
    last, rng = None, random.Random(script.__name__)
    second = {autoencoder_recon: (signal.SIGINT, 130, ["interrupted; what --checkpoint-dir has saved is kept"]),
              encoder_2d: ("close", 1, ["error: stdout: Broken pipe"])}[script]
    for how, status, lines in [(signal.SIGKILL, -signal.SIGKILL, []), second]:
        process = start(  # It could be deaf to Ctrl-C, if the tests run in the background of a shell.
            script, "--data-dir", small_data, "--checkpoint-dir", directory, "--training-epochs", 3000,
            cwd=directory.parent, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
        out = process.stdout.readline()
        time.sleep(rng.uniform(0, 0.3))
        if how == "close":
            process.stdout.close()
        else:
            process.send_signal(how)
            out += process.stdout.read()  # communicate() would lose what readline() has read ahead.
        err = without_tensorflow_lines(process.stderr.read())
        assert process.wait() == status, err
        if last:  # No more is lost than the epoch under way. The last one printed may not have been saved.
            assert int(re.search(r": restored \S+, after epoch (\d+)$", err.pop(0))[1]) >= last - 1
        assert err == [f"{script.__name__}.py: {line}" for line in lines]
        last = max(map(int, costs(out)))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_and_resumed(small_data, tmp_path, capsys):
    """With two steps an epoch, a run is in the middle of saving for much of its time. Both scripts run at once."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda script: kill_and_resume(script, small_data, tmp_path / script.__name__), SCRIPTS))
    for script in SCRIPTS:
        broken, unbroken = str(tmp_path / script.__name__), str(tmp_path / "unbroken" / script.__name__)
        epochs, outs = int(tf.train.latest_checkpoint(broken).rpartition("-")[2]) + 3, []
        for directory in (broken, unbroken):
            script.main(["--data-dir", str(small_data), "--training-epochs", str(epochs),
                         "--checkpoint-dir", directory, "--output", str(tmp_path / "a.png")])
            outs.append(capsys.readouterr().out.splitlines())
        assert len(outs[0]) == 6 and len(outs[1]) == epochs + 3 and outs[0] == outs[1][-6:]
        assert_same_tensors(unbroken, broken)


def cut(data):
    return data[:len(data) // 2]


def overwrite(data):
    return cut(data) + b"damage" * 9 + data[len(data) // 2 + 54:]


def name_checkpoint(name):
    """Return a function that makes a file `checkpoint` with that name in it."""
    return lambda data: f'model_checkpoint_path: "{name}"\n'.encode()


STATE, INDEX, DATA = "checkpoint", "encoder_2d-1.index", "encoder_2d-1.data-00000-of-00001"
FOREIGN = "not a checkpoint of encoder_2d.py in this directory"
# The damaged file, what makes its bytes (None: it is missing), and the beginning of what is said.
DAMAGE = [
    (STATE, lambda data: b"", "bad/checkpoint: damaged: it names no checkpoint"),
    (STATE, lambda data: b"\xff\0", "bad/checkpoint: damaged: it names no checkpoint"),
    (STATE, lambda data: data[:20], "bad/checkpoint: damaged: it names no checkpoint"),
    (STATE, None, "bad/checkpoint: missing, but encoder_2d-1.index is there"),
    (STATE, name_checkpoint("encoder_2d-7"), "bad/encoder_2d-7: "),
    (STATE, name_checkpoint("../good/encoder_2d-1"), f"bad/checkpoint: names bad/../good/encoder_2d-1, {FOREIGN}"),
    (STATE, name_checkpoint("/good/encoder_2d-1"), f"bad/checkpoint: names /good/encoder_2d-1, {FOREIGN}"),
    (STATE, name_checkpoint("autoencoder_recon-1"), f"bad/checkpoint: names bad/autoencoder_recon-1, {FOREIGN}"),
    (DATA, cut, "bad/encoder_2d-1: Read less bytes"),
    (DATA, lambda data: data[:-1], "bad/encoder_2d-1: Read less bytes"),
    (DATA, lambda data: b"", "bad/encoder_2d-1: Read less bytes"),
    (DATA, overwrite, "bad/encoder_2d-1: .*Checksum does not match"),
    (DATA, None, "bad/encoder_2d-1: No such file"),
    (INDEX, cut, "bad/encoder_2d-1: not an sstable"),
    (INDEX, lambda data: b"", "bad/encoder_2d-1: file is too short"),
    (INDEX, overwrite, "bad/encoder_2d-1: .*checksum mismatch"),
    (INDEX, None, "bad/encoder_2d-1: .*Failed to find any matching files"),
]


@pytest.mark.parametrize("script", [encoder_2d], indirect=True)
def test_damaged_checkpoints(run, refused, tmp_path):
    run("--training-epochs", 1, "--checkpoint-dir", "good")
    for file, change, expected in DAMAGE:
        shutil.rmtree("bad", ignore_errors=True)
        shutil.copytree("good", "bad")
        path = tmp_path / "bad" / file
        data = path.read_bytes()
        path.unlink()
        if change:
            path.write_bytes(change(data))
        line = refused("--checkpoint-dir", "bad")
        assert re.match(expected, line), (file, expected, line)
    # The first line of the file `checkpoint` is enough.
    path = tmp_path / "good" / STATE
    path.write_text(path.read_text("utf-8").splitlines(keepends=True)[0], "utf-8")
    assert "after epoch 1" in run("--training-epochs", 1, "--checkpoint-dir", "good").err


def test_checkpoint_of_another_network(script, run, refused, monkeypatch):
    run("--training-epochs", 0, "--checkpoint-dir", "c")
    units = script.n_hidden_1
    monkeypatch.setattr(script, "n_hidden_1", 300)
    line = refused("--checkpoint-dir", "c")
    assert line.startswith(f"c/{script.__name__}-0: another network: ")
    assert line.endswith(f" weights/encoder_h1 has shape (784, {units}) there, (784, 300) here")


@pytest.mark.parametrize("script", [autoencoder_recon], indirect=True)
def test_checkpoint_of_the_other_script(run, refused, small_data):
    encoder_2d.main(["--data-dir", str(small_data), "--training-epochs", "0", "--checkpoint-dir", "c"])
    line = "c/checkpoint: names c/encoder_2d-0, not a checkpoint of autoencoder_recon.py"
    assert refused("--checkpoint-dir", "c").startswith(line)


def test_killed_in_saving_the_untrained_network(run, script, tmp_path):
    (tmp_path / "c").mkdir()
    for left in (f"{script.__name__}-0.index", f"{script.__name__}-0.data-00000-of-00001.tempstate5", "notes-1.txt"):
        (tmp_path / "c" / left).write_bytes(b"x")
    assert len(costs(run("--training-epochs", 1, "--checkpoint-dir", "c").out)) == 1
    assert (tmp_path / "c" / "notes-1.txt").read_bytes() == b"x"


def test_divergence(script, run, tmp_path, capsys):
    """A step of 1e38 makes the cost infinite or NaN. What was saved before stays, and training goes on from it."""
    flags = ["--batch-size", 600, "--checkpoint-dir"]  # one step an epoch
    run(*flags, "c", "--training-epochs", 1)
    before = snapshot(tmp_path / "c")
    line = "^--learning-rate 1e[+]38: the cost or a weight is not finite after epoch {}$"
    with pytest.raises(script.RunError, match=line.format(2)):
        run(*flags, "c", "--training-epochs", 3, "--learning-rate", "1e38")
    assert costs(capsys.readouterr().out) == {} and snapshot(tmp_path / "c") == before
    run(*flags, "c", "--training-epochs", 2)
    run(*flags, "unbroken", "--training-epochs", 2)
    assert_same_tensors("c", "unbroken")

    with pytest.raises(script.RunError, match=line.format(1)):
        run("--batch-size", 600, "--training-epochs", 1, "--learning-rate", "1e38", "--output", "diverged.png")
    assert capsys.readouterr().out == "" and not (tmp_path / "diverged.png").exists()


@pytest.mark.parametrize("number", [np.inf, np.nan])
def test_initial_bias_that_is_not_finite(number, script, run, tmp_path, monkeypatch, capsys):
    """A run that trains nothing checks what it has, too. With biases that are infinite, the cost itself is finite."""
    normal = tf.random_normal
    monkeypatch.setattr(tf, "random_normal", lambda shape: tf.fill(shape, number) if len(shape) == 1 else normal(shape))
    with pytest.raises(script.RunError, match="--learning-rate 0.01: the cost or a weight is not finite"):
        run("--training-epochs", 0)
    assert "Test MSE" not in capsys.readouterr().out and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", [encoder_2d], indirect=True)
def test_characters_of_patterns(run, refused, tmp_path, monkeypatch):
    """TensorFlow would take run? for run1, and would remove the model there. Above the directory, they do no harm."""
    run("--training-epochs", 0, "--checkpoint-dir", "run1")
    for directory in ("run?", "run*", "[r]un1", "run\\1", "new?/run"):
        assert f"error: argument --checkpoint-dir: {directory}: " in refused("--checkpoint-dir", directory)
    above = tmp_path / "w[1]*"
    above.mkdir()
    monkeypatch.chdir(above)
    for epochs in (1, 2):
        run("--training-epochs", epochs, "--checkpoint-dir", "c")
    assert {path.name for path in (above / "c").iterdir()} == {
        "checkpoint", "encoder_2d-2.index", "encoder_2d-2.data-00000-of-00001"}
    assert tensors(tmp_path / "run1").keys() == tensors("c").keys()
