"""A run that is broken off goes on as if it had not been, and what can't go on says so in one line."""
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
from conftest import costs, mutate, own_lines, start
from test_run import tensors

import autoencoder_recon
import encoder_2d
from mnist_data import input_data


def assert_same_tensors(directory, other):
    a, b = tensors(directory), tensors(other)
    assert a.keys() == b.keys() and len(a) > 8
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def snapshot(directory):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in directory.iterdir()}


def test_resumed_equals_unbroken(script, run):
    """In three parts, the first of which is the untrained network."""
    unbroken, err = run("--training-epochs", 5, "--checkpoint-dir", "a", "--batch-size", 250)
    assert err == ""
    parts, name = [], script.__name__
    for epochs, expected in [(0, ""), (2, f"{name}.py: going on after epoch 0, b/{name}-0\n"),
                             (5, f"{name}.py: going on after epoch 2, b/{name}-2\n")]:
        out, err = run("--training-epochs", epochs, "--checkpoint-dir", "b", "--batch-size", 250)
        parts += out.splitlines()[:-3]
        assert err == expected
    assert parts + out.splitlines()[-3:] == unbroken.splitlines()
    assert_same_tensors("a", "b")


def test_finished_run_draws_again(script, run, tmp_path):
    out, _ = run("--training-epochs", 2, "--checkpoint-dir", "c")
    picture = tmp_path / f"{script.__name__}.png"
    before, drawn = snapshot(tmp_path / "c"), picture.read_bytes()
    picture.unlink()
    for epochs in (2, 1):
        again, err = run("--training-epochs", epochs, "--checkpoint-dir", "c", "--learning-rate", 1)
        assert again.splitlines() == out.splitlines()[2:]
        assert err == f"{script.__name__}.py: nothing left to train after epoch 2, c/{script.__name__}-2\n"
        assert snapshot(tmp_path / "c") == before and picture.read_bytes() == drawn


def break_off(script, small_data, tmp_path):
    """Start a run four times: kill it twice, press Ctrl-C or close its stdout, let it end. Return all printed costs."""
    rng, seen = random.Random(script.__name__), {}
    # What was started in the background of a shell may be deaf to Ctrl-C, and so are its children.
    hears = {} if os.name == "nt" else dict(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    third = {autoencoder_recon: ("interrupt", 130, "interrupted; what --checkpoint-dir has saved is kept"),
             encoder_2d: ("close", 1, "error: stdout: Broken pipe")}[script]
    for how, status, line in [("kill", -signal.SIGKILL, None)] * 2 + [third, ("end", 0, None)]:
        process = start(script, "--data-dir", small_data, "--checkpoint-dir", script.__name__, "--training-epochs",
                        len(seen) + 5 if how == "end" else 3000, cwd=tmp_path, **hears)
        out = process.stdout.readline()
        time.sleep(rng.uniform(0, 0.3))
        if how == "kill":
            process.kill()
        elif how == "interrupt":
            process.send_signal(signal.SIGINT)
        elif how == "close":
            process.stdout.close()
            process.stdout = None
        if process.stdout:
            out += process.stdout.read()  # communicate() loses what readline() read ahead
        err = own_lines(process.stderr.read())
        assert process.wait() == status
        if seen:  # no more is lost than the epoch under way: the last one printed may not have been saved
            going_on = re.match(rf"{script.__name__}\.py: going on after epoch (\d+), ", err.pop(0))
            assert int(going_on[1]) >= len(seen) - 1
        assert err == ([f"{script.__name__}.py: {line}"] if line else [])
        assert all(seen.get(epoch, cost) == cost for epoch, cost in costs(out).items())
        seen.update(costs(out))
        if how == "close":  # some epochs were printed to nobody
            saved = int(tf.train.latest_checkpoint(tmp_path / script.__name__).rpartition("-")[2])
            seen.update(dict.fromkeys((f"{epoch:04d}" for epoch in range(len(seen) + 1, saved + 1)), None))
    return seen


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_broken_off(small_data, tmp_path, capsys):
    """With two steps an epoch, a run is in the middle of saving for much of its time. Both scripts at once."""
    scripts = [autoencoder_recon, encoder_2d]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        broken = list(pool.map(lambda script: break_off(script, small_data, tmp_path), scripts))
    for script, seen in zip(scripts, broken):
        unbroken = tmp_path / "unbroken" / script.__name__
        script.main(["--data-dir", str(small_data), "--training-epochs", str(len(seen)), "--checkpoint-dir",
                     str(unbroken), "--output", str(tmp_path / "a.png")])
        expected = costs(capsys.readouterr().out)
        assert expected.keys() == seen.keys()
        assert all(cost in (None, expected[epoch]) for epoch, cost in seen.items())
        assert_same_tensors(unbroken, tmp_path / script.__name__)


def overwrite(path, at):
    data = path.read_bytes()
    path.write_bytes(data[:at] + b"damage" * 20 + data[at + 120:])


# What is done to the directory d of a finished run, whose files are i (index), v (data) and s (state).
BAD = {
    "data truncated": lambda d, i, v, s: v.write_bytes(v.read_bytes()[:500_000]),
    "data damaged": lambda d, i, v, s: overwrite(v, 500_000),
    "data missing": lambda d, i, v, s: v.unlink(),
    "index damaged": lambda d, i, v, s: overwrite(i, 100),
    "index empty": lambda d, i, v, s: i.write_bytes(b""),
    "index missing": lambda d, i, v, s: i.unlink(),
    "state damaged": lambda d, i, v, s: s.write_bytes(b"garbage"),
    "state binary": lambda d, i, v, s: s.write_bytes(b"\xff\xfe\0"),
    "state empty": lambda d, i, v, s: s.write_bytes(b""),
    "state missing": lambda d, i, v, s: s.unlink(),
    "state and index missing": lambda d, i, v, s: (s.unlink(), i.unlink()),
    "elsewhere": lambda d, i, v, s: s.write_text(s.read_text("utf-8").replace('path: "', 'path: "../good/'), "utf-8"),
}


@pytest.mark.parametrize("script", [encoder_2d], indirect=True)
def test_bad_checkpoints(run, refused, script, tmp_path):
    run("--training-epochs", 1, "--checkpoint-dir", "good")
    good = snapshot(tmp_path / "good")
    for what, change in BAD.items():
        directory = tmp_path / what.replace(" ", "-")
        shutil.copytree("good", directory)
        prefix = directory / f"{script.__name__}-1"
        change(directory, *(directory / f"{prefix.name}.{end}" for end in ("index", "data-00000-of-00001")),
               directory / "checkpoint")
        line = refused("--checkpoint-dir", directory)
        assert line.startswith(str(directory)) and ": not a whole checkpoint of this network and directory" in line, what
    assert snapshot(tmp_path / "good") == good


def test_mutated_checkpoints(run, script, tmp_path):
    """Whatever bits turn: the test error of the unharmed run, or an error of one line."""
    expected = run("--training-epochs", 1, "--checkpoint-dir", "good").out.splitlines()[-2]
    rng = random.Random(script.__name__)
    names = sorted(os.listdir("good"))
    for i in range(9):
        shutil.copytree("good", f"bad{i}")
        path = tmp_path / f"bad{i}" / names[i % 3]
        path.write_bytes(mutate(rng, path.read_bytes()))
        try:
            assert run("--training-epochs", 1, "--checkpoint-dir", f"bad{i}").out.splitlines()[-2] == expected
        except input_data.DataError as err:
            assert str(err).startswith(f"bad{i}/") and "\n" not in str(err)


def test_checkpoint_of_the_other_script(refused, small_data, script):
    (other,) = {autoencoder_recon, encoder_2d} - {script}
    other.main(["--data-dir", str(small_data), "--training-epochs", "0", "--checkpoint-dir", "other"])
    assert refused("--checkpoint-dir", "other").startswith(f"other/{other.__name__}-0: ")


def test_killed_in_saving_the_untrained_network(run, script, tmp_path):
    (tmp_path / "c").mkdir()
    for left in (f"{script.__name__}-0.index", f"{script.__name__}-0.data-00000-of-00001.tempstate5", "notes-1.txt"):
        (tmp_path / "c" / left).write_bytes(b"x")
    assert len(costs(run("--training-epochs", 1, "--checkpoint-dir", "c").out)) == 1
    assert (tmp_path / "c" / "notes-1.txt").read_bytes() == b"x"


def test_cost_that_is_not_finite(script, run, tmp_path):
    run("--training-epochs", 1, "--checkpoint-dir", "c")
    with pytest.raises(FloatingPointError, match=r"--learning-rate 1e\+38: the cost is nan in epoch \d"):
        run("--training-epochs", 9, "--checkpoint-dir", "c", "--learning-rate", "1e38", "--output", "b.png")
    assert not (tmp_path / "b.png").exists() and len(tensors("c")) > 8


@pytest.mark.parametrize("script", [autoencoder_recon], indirect=True)
def test_full_disk(run, tmp_path, file_size_limit):
    """What is saved stays, and training goes on from it."""
    expected = run("--training-epochs", 1).out
    run("--training-epochs", 0, "--checkpoint-dir", "c")
    before = snapshot(tmp_path / "c")
    file_size_limit(100_000)
    with pytest.raises(OSError, match=r"^c/autoencoder_recon-1\.data\S*; File too large$"):
        run("--training-epochs", 3, "--checkpoint-dir", "c")
    assert before.items() <= snapshot(tmp_path / "c").items()
    file_size_limit(10**9)
    assert run("--training-epochs", 1, "--checkpoint-dir", "c").out == expected


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_full_disk_for_the_log(script, run, file_size_limit):
    """Only the log ends there: the epoch is printed and saved."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "save_checkpoint", lambda *args: None)
        file_size_limit(1000)
        with pytest.raises(OSError, match=r"^log/events\.out\S*; File too large$"):
            run("--training-epochs", 3, "--log-dir", "log")
