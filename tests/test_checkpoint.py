"""What stops a run: kill -9, a divergence, a full disk, a bad checkpoint. What was saved before stays usable."""
import concurrent.futures
import os
import random
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import SCRIPTS, costs, file_size_limit, snapshot, start, tensors, without_tensorflow_lines

import autoencoder_recon
import encoder_2d


def assert_same_tensors(directory, other):
    a, b = tensors(directory), tensors(other)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_resumed_equals_unbroken(script, run, tmp_path):
    """The first of four runs trains nothing, and finds what a killed first save leaves. The last finds nothing left."""
    unbroken, err = run("--training-epochs", 5, "--checkpoint-dir", "a", "--batch-size", 250)
    assert err == ""
    lines, name = [], script.__name__
    (tmp_path / "b").mkdir()
    for left in (f"{name}-0.index", f"{name}-0.data-00000-of-00001.tempstate5", "notes-1.txt"):
        (tmp_path / "b" / left).write_bytes(b"x")
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
    assert (tmp_path / "b" / "notes-1.txt").read_bytes() == b"x"


def kill_and_resume(script, small_data, directory):
    """Kill a run, go on with it, and then press Ctrl-C or close its stdout."""
    last, rng = None, random.Random(script.__name__)
    second = {autoencoder_recon: (signal.SIGINT, 130, "autoencoder_recon.py: interrupted.*"),
              encoder_2d: ("close", 1, "encoder_2d.py: error: stdout: Broken pipe")}[script]
    for how, status, expected in [(signal.SIGKILL, -signal.SIGKILL, ""), second]:
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
        assert re.fullmatch(expected, "\n".join(err))
        last = max(map(int, costs(out)))


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


@pytest.mark.parametrize("script", [encoder_2d], indirect=True)
def test_unusable_checkpoints(run, refused, tmp_path, monkeypatch):
    run("--training-epochs", 1, "--checkpoint-dir", "good")
    foreign = "checkpoint: names {}, not .*encoder_2d.py"
    # The damaged file, what it then holds (None: it is missing), and what is said.
    damage = [("checkpoint", data, "checkpoint: damaged: it names no checkpoint") for data in (b"", b"\xff\0")]
    damage += [("checkpoint", None, "checkpoint: missing, but encoder_2d-1.data-00000-of-00001 is there")]
    for name, said in [("encoder_2d-7", "encoder_2d-7: .+"), ("../good/encoder_2d-1", foreign.format("bad/../good/.*")),
                       ("/good/x-1", foreign.format("/good/x-1")), ("other-1", foreign.format("bad/other-1"))]:
        damage.append(("checkpoint", f'model_checkpoint_path: "{name}"'.encode(), said))
    for file in ("encoder_2d-1.index", "encoder_2d-1.data-00000-of-00001"):
        data = (tmp_path / "good" / file).read_bytes()
        overwritten = data[:len(data) // 2] + b"damage" * 9 + data[len(data) // 2 + 54:]
        damage += [(file, after, "encoder_2d-1: .+") for after in (data[:-1], data[:99], b"", overwritten, None)]
    for file, after, expected in damage:
        shutil.rmtree("bad", ignore_errors=True)
        shutil.copytree("good", "bad")
        (tmp_path / "bad" / file).unlink()
        if after is not None:
            (tmp_path / "bad" / file).write_bytes(after)
        line = refused("--checkpoint-dir", "bad")
        assert re.fullmatch(f"bad/{expected}.*", line), (file, expected, line)
    monkeypatch.setattr(encoder_2d, "n_hidden_1", 300)
    assert refused("--checkpoint-dir", "good") == (
        "good/encoder_2d-1: another network: weights/encoder_h1 has shape (784, 128) there, (784, 300) here")


def test_divergence(script, run, tmp_path, capsys):
    """A step of 1e38 makes the cost infinite or NaN. What was saved before stays, and training goes on from it."""
    flags = ["--batch-size", 600, "--checkpoint-dir"]  # one step an epoch
    run(*flags, "c", "--training-epochs", 1)
    before = snapshot(tmp_path / "c")
    line = "^--learning-rate 1e[+]38: .*finite.* epoch {}$"
    with pytest.raises(script.RunError, match=line.format(2)):
        run(*flags, "c", "--training-epochs", 3, "--learning-rate", "1e38")
    assert costs(capsys.readouterr().out) == {} and snapshot(tmp_path / "c") == before
    run(*flags, "c", "--training-epochs", 2)
    run(*flags, "unbroken", "--training-epochs", 2)
    assert_same_tensors("c", "unbroken")
    with pytest.raises(script.RunError, match=line.format(1)):
        run("--batch-size", 600, "--training-epochs", 1, "--learning-rate", "1e38", "--output", "diverged.png")
    assert capsys.readouterr().out == "" and not (tmp_path / "diverged.png").exists()


@pytest.mark.parametrize("script", [encoder_2d], indirect=True)
def test_characters_of_patterns(run, refused, tmp_path, monkeypatch):
    """TensorFlow would take run? for run1, and would remove the model there. Other characters do no harm."""
    run("--training-epochs", 0, "--checkpoint-dir", "run1")
    for directory in ("run?", "run*", "[r]un1", "run\\1", "new?/run"):
        assert f"error: argument --checkpoint-dir: {directory}" in refused("--checkpoint-dir", directory)
    above = tmp_path / "w[1]*"
    above.mkdir()
    monkeypatch.chdir(above)
    monkeypatch.setattr(encoder_2d, "script", encoder_2d.script.with_name("bob's é.py"))
    for epochs in (1, 2):
        run("--training-epochs", epochs, "--checkpoint-dir", "c")
    assert {path.name for path in (above / "c").iterdir()} == {
        "checkpoint", "bob's é-2.index", "bob's é-2.data-00000-of-00001"}
    assert tensors(tmp_path / "run1").keys() == tensors("c").keys()


@pytest.mark.parametrize("script", [autoencoder_recon], indirect=True)
def test_full_disk_for_checkpoint_and_picture(run, tmp_path):
    expected = run("--training-epochs", 1).out
    run("--training-epochs", 0, "--checkpoint-dir", "c")
    before, error = snapshot(tmp_path / "c"), autoencoder_recon.RunError
    with file_size_limit(100_000), pytest.raises(error, match="^c/autoencoder_recon-1: File too large$"):
        run("--training-epochs", 3, "--checkpoint-dir", "c")
    assert before.items() <= snapshot(tmp_path / "c").items()
    assert run("--training-epochs", 1, "--checkpoint-dir", "c").out == expected
    with file_size_limit(4096), pytest.raises(error, match="^a.png: File too large$"):
        run("--training-epochs", 0, "--output", "a.png")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="it stands for a full disk")
@pytest.mark.parametrize("script", [encoder_2d], indirect=True)
def test_full_disk_for_log_and_stdout(script, run, small_data, tmp_path):
    """These are processes, since threads and buffers may write a line when a process ends. All run at once."""
    run("--training-epochs", 0, "--log-dir", "log")
    size, processes = next((tmp_path / "log").iterdir()).stat().st_size + 50, {}
    with open("/dev/full", "w") as full:
        for name, epochs, limit in [("costs", 3, size), ("stdout", 1, 10**9), ("graph", 0, 1000)]:
            stdout = full if name == "stdout" else subprocess.PIPE
            with file_size_limit(limit):  # The process inherits it.
                processes[name] = start(script, "--data-dir", small_data, "--training-epochs", epochs,
                                        "--log-dir", name, cwd=tmp_path, stdout=stdout)
    for name, process in processes.items():
        _, err = process.communicate()
        message = "No space left on device" if name == "stdout" else "File too large"
        assert without_tensorflow_lines(err) == [f"encoder_2d.py: error: {name}: {message}"]
        assert process.returncode == (2 if name == "graph" else 1), name  # 2 if training has not begun
