"""A run that is broken off goes on as if it had not been, and what can't go on says so in one line."""
import concurrent.futures
import os
import random
import re
import resource
import shutil
import signal
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import costs, mutate, own_lines, start

import autoencoder_recon
import encoder_2d


def tensors(directory):
    """Return all tensors of the last checkpoint in a directory."""
    reader = tf.train.load_checkpoint(str(directory))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def assert_same_tensors(directory, other):
    a, b = tensors(directory), tensors(other)
    variables = [name for name in a if name.startswith(("weights/", "biases/")) and "Adam" not in name]
    assert a.keys() == b.keys() and variables
    assert {f"{name}/{slot}" for name in variables for slot in ("Adam", "Adam_1")} < a.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def snapshot(directory):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in directory.iterdir()}


def test_resumed_equals_unbroken(script, run, tmp_path):
    _, unbroken, err = run("--training-epochs", 5, "--checkpoint-dir", "a", "--batch-size", 250)
    assert err == ""
    _, first, _ = run("--training-epochs", 2, "--checkpoint-dir", "b", "--batch-size", 250)
    status, second, err = run("--training-epochs", 5, "--checkpoint-dir", "b", "--batch-size", 250)
    assert status == 0
    assert err == (f"{script.__name__}.py: going on after epoch 2, b/{script.__name__}-2, "
                   f"begun with --learning-rate 0.01 --batch-size 250 --init normal --seed 0\n")
    assert list(costs(first)) == ["0001", "0002"] and list(costs(second)) == ["0003", "0004", "0005"]
    assert {**costs(first), **costs(second)} == costs(unbroken)
    assert second.splitlines()[-2] == unbroken.splitlines()[-2]  # the test MSE
    assert_same_tensors("a", "b")
    assert set(os.listdir("b")) == {"checkpoint", f"{script.__name__}-5.data-00000-of-00001",
                                    f"{script.__name__}-5.index"}


def test_finished_run_draws_again(script, run, tmp_path):
    _, out, _ = run("--training-epochs", 2, "--checkpoint-dir", "c")
    picture = tmp_path / f"{script.__name__}.png"
    before, drawn = snapshot(tmp_path / "c"), picture.read_bytes()
    picture.unlink()
    for epochs in (2, 1):
        status, again, err = run("--training-epochs", epochs, "--checkpoint-dir", "c")
        assert status == 0 and again.splitlines() == out.splitlines()[2:]
        assert f"nothing left to train after epoch 2, c/{script.__name__}-2, " in err and err.count("\n") == 1
        assert snapshot(tmp_path / "c") == before and picture.read_bytes() == drawn


def test_untrained_is_saved_and_goes_on(script, run):
    _, unbroken, _ = run("--training-epochs", 1, "--checkpoint-dir", "a")
    _, zero, err = run("--training-epochs", 0, "--checkpoint-dir", "b")
    assert err == "" and costs(zero) == {} and f"{script.__name__}-0.index" in os.listdir("b")
    _, one, _ = run("--training-epochs", 1, "--checkpoint-dir", "b")
    assert costs(one) == costs(unbroken)
    assert_same_tensors("a", "b")


def test_other_settings_are_shown(run, script):
    run("--training-epochs", 1, "--checkpoint-dir", "c")
    for _ in range(2):
        status, _, err = run("--training-epochs", 2, "--checkpoint-dir", "c",
                             "--learning-rate", 0.001, "--init", "xavier", "--seed", 4)
        assert status == 0
        assert err.endswith(", begun with --learning-rate 0.01 --batch-size 256 --init normal --seed 0, "
                            "now with --learning-rate 0.001 --batch-size 256 --init xavier --seed 4\n")


def test_killed(small_data, tmp_path, capfd):
    """With two steps an epoch, a run is in the middle of saving for much of its time. Both scripts at once."""
    def break_off(script):
        """Start a run three times, kill it twice and let it end in the third; return all costs that were printed."""
        directory, rng, seen = tmp_path / script.__name__, random.Random(script.__name__), {}
        for epochs in (10**6, 10**6, None):
            process = start(script, "--data-dir", small_data, "--training-epochs", epochs or len(seen) + 5,
                            "--checkpoint-dir", directory, cwd=tmp_path)
            first = process.stdout.readline()
            if epochs:
                time.sleep(rng.uniform(0, 0.4))
                process.kill()
            out, err = process.stdout.read(), process.stderr.read()  # communicate() loses what readline() read ahead
            assert process.wait() == (-signal.SIGKILL if epochs else 0)
            if seen:
                (line,) = own_lines(err)
                # No more is lost than the epoch under way: the last one printed may not have been saved.
                assert int(re.search(r"going on after epoch (\d+), ", line)[1]) >= len(seen) - 1
            now = costs(first + out)
            assert all(seen.get(epoch, cost) == cost for epoch, cost in now.items())
            seen.update(now)
        return seen

    scripts = [autoencoder_recon, encoder_2d]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        broken = list(pool.map(break_off, scripts))
    for script, seen in zip(scripts, broken):
        capfd.readouterr()
        script.main(["--data-dir", str(small_data), "--training-epochs", str(len(seen)), "--checkpoint-dir",
                     str(tmp_path / "unbroken" / script.__name__), "--output", str(tmp_path / "unbroken.png")])
        assert seen == costs(capfd.readouterr().out)
        assert_same_tensors(tmp_path / "unbroken" / script.__name__, tmp_path / script.__name__)
        assert len(os.listdir(tmp_path / script.__name__)) == 3


@pytest.mark.parametrize("script", [encoder_2d], indirect=True)
def test_one_run_a_directory(script, small_data, tmp_path):
    """A second run is refused while the first trains, and admitted once that has been killed."""
    flags = ["--data-dir", small_data, "--checkpoint-dir", "c", "--training-epochs"]
    first = start(script, *flags, 10**6, cwd=tmp_path)
    for _ in range(2):
        first.stdout.readline()
    out, err = start(script, *flags, 10**6, "--seed", 1, cwd=tmp_path).communicate()
    assert out == "" and own_lines(err) == [
        f"{script.__name__}.py: error: argument --checkpoint-dir: c: in use by another run"]
    assert first.stdout.readline().startswith("Epoch: ") and first.poll() is None
    first.kill()
    first.communicate()
    third = start(script, *flags, 0, cwd=tmp_path)
    _, err = third.communicate()
    assert third.returncode == 0 and "nothing left to train after epoch" in own_lines(err)[0]
    assert len(os.listdir(tmp_path / "c")) == 3


def test_lock_ends_with_the_run(script, run, monkeypatch):
    """In one process, as in a notebook: after an end, a failure and Ctrl-C the directory is free again."""
    def interrupted(*args):
        raise KeyboardInterrupt
    for failing in (None, interrupted, None):
        with monkeypatch.context() as patch:
            if failing:
                patch.setattr(script, "open_log", failing)
            status, _, err = run("--training-epochs", 1, "--checkpoint-dir", "c")
        assert status == (130 if failing else 0)
    assert run("--training-epochs", 2, "--checkpoint-dir", "c", "--learning-rate", "1e38")[0] == 1
    assert run("--training-epochs", 1, "--checkpoint-dir", "c")[0] == 0


def test_a_checkpoint_file_never_leads_out_of_its_directory(script, run, tmp_path):
    for directory, seed in [("a", 0), ("b", 1)]:
        run("--training-epochs", 1, "--checkpoint-dir", directory, "--seed", seed)
    before = snapshot(tmp_path / "b")
    name = f"{script.__name__}-1"
    for path in (f"../b/{name}", str(tmp_path / "b" / name)):
        for own in ("a", "empty"):
            (tmp_path / own).mkdir(exist_ok=True)
            (tmp_path / own / "checkpoint").write_text(f'model_checkpoint_path: "{path}"\n')
        _, _, err = run("--training-epochs", 1, "--checkpoint-dir", "a")
        assert f" after epoch 1, a/{name}, begun with " in err and "--seed 0" in err
        status, out, err = run("--training-epochs", 2, "--checkpoint-dir", "empty")
        assert (status, out) == (2, "") and f": error: empty/{name}: missing, damaged or not whole" in err
    run("--training-epochs", 2, "--checkpoint-dir", "a")
    assert snapshot(tmp_path / "b") == before


def test_a_copied_directory_with_an_absolute_path_in_it(script, run, tmp_path):
    run("--training-epochs", 1, "--checkpoint-dir", "a")
    state = tmp_path / "a" / "checkpoint"
    state.write_text(state.read_text().replace(script.__name__, f"{tmp_path}/a/{script.__name__}"))
    shutil.move("a", "copy")
    status, _, err = run("--training-epochs", 2, "--checkpoint-dir", "copy")
    assert status == 0 and f"going on after epoch 1, copy/{script.__name__}-1, " in err


def test_other_data_are_said(script, run, small_data, tmp_path):
    run("--training-epochs", 1, "--checkpoint-dir", "c")
    other = tmp_path / "other"
    shutil.copytree(small_data, other)
    with open(other / "train-images-idx3-ubyte", "r+b") as f:
        f.seek(-1, os.SEEK_END)
        f.write(b"\1")
    expected = "begun with --learning-rate 0.01 --batch-size 256 --init normal --seed 0"
    for data, more in [(small_data, ""), (other, ", now with other training data")]:
        _, _, err = run("--training-epochs", 1, "--checkpoint-dir", "c", "--data-dir", data)
        assert err.endswith(f"{expected}{more}\n")


def test_what_a_kill_leaves_is_removed(run, script, tmp_path):
    """A checkpoint written in part, one not yet named the last, one no longer the last; but nobody else's files."""
    run("--training-epochs", 3, "--checkpoint-dir", "c")
    name, kept = script.__name__, [f"{script.__name__}-best.index", f"{script.__name__}-3.txt", "notes"]
    left = [f"{name}-4.data-00000-of-00001.tempstate123", f"{name}-4.index", f"{name}-4.data-00000-of-00001",
            f"{name}-2.index", f"{name}-3.index.tempstate7", "checkpoint.tmp0123456789abcdef0123456789abcdef"]
    for file in left + kept:
        (tmp_path / "c" / file).write_text("x")
    run("--training-epochs", 3, "--checkpoint-dir", "c")
    assert sorted(os.listdir("c")) == sorted(kept + ["checkpoint", f"{name}-3.data-00000-of-00001", f"{name}-3.index"])


def test_killed_in_saving_the_untrained_network(run, script, tmp_path):
    (tmp_path / "c").mkdir()
    for left in (f"{script.__name__}-0.index", f"{script.__name__}-0.data-00000-of-00001.tempstate5"):
        (tmp_path / "c" / left).write_text("x")
    status, out, _ = run("--training-epochs", 1, "--checkpoint-dir", "c")
    assert status == 0 and len(costs(out)) == 1 and len(os.listdir("c")) == 3


def test_ctrl_c(small_data, tmp_path):
    flags = ["--data-dir", small_data, "--training-epochs", 10**6]
    # What was started in the background of a shell may be deaf to Ctrl-C, and so are its children.
    hears = dict(cwd=tmp_path, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    processes = [start(autoencoder_recon, *flags, "--checkpoint-dir", tmp_path / "c", **hears),
                 start(encoder_2d, *flags, **hears)]
    lines = []
    for process in processes:
        for _ in range(3):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert process.returncode == 130
        lines += own_lines(err)
    kept, lost = lines
    last = int(re.fullmatch(rf"autoencoder_recon\.py: interrupted; the same command goes on from "
                            rf"{tmp_path}/c/autoencoder_recon-(\d+)", kept)[1])
    assert last >= 2 and len(tensors(tmp_path / "c")) > 20
    assert lost == "encoder_2d.py: interrupted; nothing is saved (see --checkpoint-dir)"


# What is done to the directory of a finished run, then what the line must hold.
BAD = {
    "data truncated": (lambda d, p: os.truncate(f"{p}.data-00000-of-00001", 1_000_000), "damaged or not whole"),
    "data damaged": (lambda d, p: overwrite(f"{p}.data-00000-of-00001", 500_000), "damaged or not whole"),
    "data missing": (lambda d, p: os.remove(f"{p}.data-00000-of-00001"), "damaged or not whole"),
    "index truncated": (lambda d, p: os.truncate(f"{p}.index", 700), "damaged or not whole"),
    "index empty": (lambda d, p: os.truncate(f"{p}.index", 0), "damaged or not whole"),
    "index damaged": (lambda d, p: overwrite(f"{p}.index", 100), "damaged or not whole"),
    "index missing": (lambda d, p: os.remove(f"{p}.index"), "damaged or not whole"),
    "state damaged": (lambda d, p: (d / "checkpoint").write_text("garbage"), "checkpoint: missing, damaged"),
    "state binary": (lambda d, p: (d / "checkpoint").write_bytes(b"\xff\xfe\0"), "checkpoint: missing, damaged"),
    "state empty": (lambda d, p: (d / "checkpoint").write_text(""), "checkpoint: missing, damaged"),
    "state missing": (lambda d, p: (d / "checkpoint").unlink(), "checkpoint: missing, damaged"),
    "a file": (lambda d, p: (shutil.rmtree(d), d.write_text("")), "--checkpoint-dir: "),
}


def overwrite(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(b"damage" * 20)


def test_bad_checkpoints(run, refused, script, tmp_path):
    run("--training-epochs", 1, "--checkpoint-dir", "good")
    for what, (change, expected) in BAD.items():
        directory = tmp_path / what.replace(" ", "-")
        shutil.copytree("good", directory)
        change(directory, directory / f"{script.__name__}-1")
        line = refused("--checkpoint-dir", directory)
        assert str(directory) in line and expected in line, what


def test_mutated_checkpoints(run, script, tmp_path):
    """Whatever bits turn: the test error of the unharmed run, or one line and status 2."""
    _, out, _ = run("--training-epochs", 1, "--checkpoint-dir", "good")
    expected = out.splitlines()[-2]
    rng = random.Random(script.__name__)
    names = sorted(os.listdir("good"))
    for i in range(10):
        shutil.copytree("good", "bad")
        path = tmp_path / "bad" / names[i % 3]
        what, data = mutate(rng, path.read_bytes())
        path.write_bytes(data)
        status, out, err = run("--training-epochs", 1, "--checkpoint-dir", "bad")
        assert (status == 0 and out.splitlines()[-2] == expected) or (
            status == 2 and err.count("\n") == 1 and ": error: bad/" in err), (path.name, what, out, err)
        shutil.rmtree("bad")


def test_checkpoint_of_the_other_script(refused, small_data, script, tmp_path):
    (other,) = {autoencoder_recon, encoder_2d} - {script}
    other.main(["--data-dir", str(small_data), "--training-epochs", "0", "--checkpoint-dir", "other"])
    line = refused("--checkpoint-dir", "other")
    assert f"error: other/{other.__name__}-0: the checkpoint of another network" in line


def test_cost_that_overflows(script, run, tmp_path):
    run("--training-epochs", 1, "--checkpoint-dir", "c")
    before = snapshot(tmp_path / "c")
    status, out, err = run("--training-epochs", 9, "--checkpoint-dir", "c", "--learning-rate", "1e38",
                           "--output", "b.png")
    assert status == 1 and err.count("\n") == 2 and not (tmp_path / "b.png").exists()
    assert re.search(r"error: --learning-rate 1e\+38: cost not finite after epoch \d", err)
    name = tf.train.latest_checkpoint("c")
    assert all(np.isfinite(t).all() for name, t in tensors("c").items() if name != "settings")
    assert snapshot(tmp_path / "c") == before or not name.endswith("-1")


@pytest.mark.parametrize("script", [autoencoder_recon], indirect=True)
def test_full_disk(script, run, small_data, tmp_path):
    """As a process meets it that may not write so large a file: what is saved stays, and training goes on from it."""
    _, expected, _ = run("--training-epochs", 1)
    run("--training-epochs", 0, "--checkpoint-dir", "c")
    before = snapshot(tmp_path / "c")
    limit = max(path.stat().st_size for path in before) // 2
    process = start(script, "--data-dir", small_data, "--training-epochs", 3, "--checkpoint-dir", "c", cwd=tmp_path,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    out, err = process.communicate()
    assert process.returncode == 1 and len(costs(out)) == 1
    going_on, error = own_lines(err)
    assert "going on after epoch 0" in going_on
    assert error.startswith(f"{script.__name__}.py: error: c/{script.__name__}-1") and error.endswith("File too large")
    assert before.items() <= snapshot(tmp_path / "c").items()
    status, out, err = run("--training-epochs", 1, "--checkpoint-dir", "c")
    assert status == 0 and "going on after epoch 0" in err and out == expected
