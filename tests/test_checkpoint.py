"""A run that is broken off goes on as if it had not been, and what can't go on says so in one line."""
import concurrent.futures
import itertools
import os
import re
import shutil
import signal
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import SCRIPTS, costs, file_size_limit, own_lines, snapshot, start, tensors

import autoencoder_recon
import encoder_2d
from mnist_data import input_data


def assert_same_tensors(directory, other):
    a, b = tensors(directory), tensors(other)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_resumed_equals_unbroken(script, run, tmp_path):
    """In three parts, of which the first trains nothing; and a fourth that finds nothing left, and draws again."""
    unbroken, err = run("--training-epochs", 5, "--checkpoint-dir", "a", "--batch-size", 250)
    assert err == ""
    lines, name = [], script.__name__
    for epochs, doing in [(0, ""), (2, f"going on after epoch 0, b/{name}-0"),
                          (5, f"going on after epoch 2, b/{name}-2"),
                          (4, f"nothing left to train after epoch 5, b/{name}-5")]:
        before = snapshot(tmp_path / "b")
        out, err = run("--training-epochs", epochs, "--checkpoint-dir", "b", "--batch-size", 250)
        *costs, finished, test_mse, saved = out.splitlines()
        lines += costs
        assert err == (f"{name}.py: {doing}\n" if doing else "")
        assert (snapshot(tmp_path / "b") == before) == (epochs == 4)
    assert [*lines, finished, test_mse, saved] == unbroken.splitlines()
    assert_same_tensors("a", "b")


def break_off(script, small_data, directory):
    """Kill a run, go on with it, and press Ctrl-C or close its stdout."""
    last = None
    second = {autoencoder_recon: (signal.SIGINT, 130, ["interrupted; what --checkpoint-dir has saved is kept"]),
              encoder_2d: ("close", 1, ["error: stdout: Broken pipe"])}[script]
    for how, status, lines in [(signal.SIGKILL, -signal.SIGKILL, []), second]:
        process = start(  # which may be deaf to Ctrl-C, if the tests run in the background of a shell
            script, "--data-dir", small_data, "--checkpoint-dir", directory, "--training-epochs", 3000,
            cwd=directory.parent, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
        out = process.stdout.readline()
        time.sleep(np.random.uniform(0, 0.3))
        if how == "close":
            process.stdout.close()
        else:
            process.send_signal(how)
            out += process.stdout.read()  # communicate() loses what readline() read ahead
        err = own_lines(process.stderr.read())
        assert process.wait() == status
        if last:  # no more is lost than the epoch under way: the last one printed may not have been saved
            assert int(re.search(r": going on after epoch (\d+), ", err.pop(0))[1]) >= last - 1
        assert err == [f"{script.__name__}.py: {line}" for line in lines]
        last = max(map(int, costs(out)))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_broken_off(small_data, tmp_path, capsys):
    """With two steps an epoch, a run is in the middle of saving for much of its time. Both scripts at once."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda script: break_off(script, small_data, tmp_path / script.__name__), SCRIPTS))
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
def test_bad_checkpoints(run, refused, tmp_path, small_data):
    """Whichever of its files is cut off, empty, overwritten or missing; of another network; in another directory."""
    run("--training-epochs", 1, "--checkpoint-dir", "good")
    with pytest.raises(input_data.DataError, match="^good/encoder_2d-1: not a whole checkpoint of this network"):
        autoencoder_recon.main(["--data-dir", str(small_data), "--checkpoint-dir", "good"])
    files = sorted(os.listdir("good"))
    harms = {"cut": lambda data: data[:len(data) // 2], "empty": lambda data: b"", "binary": lambda data: b"\xff\0",
             "overwritten": lambda data: data[:len(data) // 2] + b"damage" * 9 + data[len(data) // 2 + 54:]}
    for i, (file, harm) in enumerate(itertools.product(files, [*harms, "missing"])):
        shutil.copytree("good", f"bad{i}")
        path = tmp_path / f"bad{i}" / file
        if harm == "missing":
            path.unlink()
        else:
            path.write_bytes(harms[harm](path.read_bytes()))
        line = refused("--checkpoint-dir", f"bad{i}")
        assert re.fullmatch(rf"bad{i}/\S+: not a whole checkpoint of this network and directory", line), (file, harm)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "checkpoint").write_bytes(b'model_checkpoint_path: "../good/encoder_2d-1"')
    assert "elsewhere/../good/encoder_2d-1: not a whole" in refused("--checkpoint-dir", "elsewhere")


def test_killed_in_saving_the_untrained_network(run, script, tmp_path):
    (tmp_path / "c").mkdir()
    for left in (f"{script.__name__}-0.index", f"{script.__name__}-0.data-00000-of-00001.tempstate5", "notes-1.txt"):
        (tmp_path / "c" / left).write_bytes(b"x")
    assert len(costs(run("--training-epochs", 1, "--checkpoint-dir", "c").out)) == 1
    assert (tmp_path / "c" / "notes-1.txt").read_bytes() == b"x"


def test_cost_that_is_not_finite(script, run, tmp_path, monkeypatch):
    run("--training-epochs", 1, "--checkpoint-dir", "c")
    before, build = snapshot(tmp_path / "c"), script.build_network
    monkeypatch.setattr(script, "build_network", lambda *args: (*build(*args)[:3], tf.constant(np.inf), tf.no_op()))
    with pytest.raises(FloatingPointError, match="--learning-rate 0.01: the cost is inf in epoch 2"):
        run("--training-epochs", 9, "--checkpoint-dir", "c", "--output", "b.png")
    assert snapshot(tmp_path / "c") == before and not (tmp_path / "b.png").exists()


@pytest.mark.parametrize("script", [autoencoder_recon], indirect=True)
def test_full_disk(run, tmp_path):
    """What is saved stays, and training goes on from it."""
    expected = run("--training-epochs", 1).out
    run("--training-epochs", 0, "--checkpoint-dir", "c")
    before = snapshot(tmp_path / "c")
    with file_size_limit(100_000), pytest.raises(OSError, match=r"^c/autoencoder_recon-1\.data\S*; File too large$"):
        run("--training-epochs", 3, "--checkpoint-dir", "c")
    assert before.items() <= snapshot(tmp_path / "c").items()
    assert run("--training-epochs", 1, "--checkpoint-dir", "c").out == expected


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_full_disk_for_log_and_picture(run, tmp_path):
    run("--training-epochs", 0, "--log-dir", "log")
    (log,) = (tmp_path / "log").iterdir()
    size = log.stat().st_size + 100
    with file_size_limit(size), pytest.raises(OSError, match=r"^full/events\.out\S*; File too large$"):
        run("--training-epochs", 3, "--log-dir", "full")
    with file_size_limit(4096), pytest.raises(OSError, match="File too large"):
        run("--training-epochs", 0)
