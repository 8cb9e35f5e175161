"""Checkpoints and what ends a run: other settings, bad checkpoints, kill -9, Ctrl-C, a divergence, a full disk."""
import os
import re
import shlex
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import changed, costs, only_encoder, only_recon, own_lines, read_log, snapshot, started, tensors

import autoencoder_recon
import encoder_2d


@pytest.mark.parametrize("flags, saved, own", [
    (["--init", "xavier"], "--init normal", "--init xavier"),
    (["--seed", 1], "--seed 0", "--seed 1"),
    (["--learning-rate", 0.02], "--learning-rate 0.01", "--learning-rate 0.02"),
    (["--batch-size", 255, "--validation-size", 4999], "--batch-size 256", "--batch-size 255"),  # only the first
    (["--validation-size", 4999], "600 images (--validation-size 5000)", "601 images (--validation-size 4999)"),
])
@only_recon
def test_a_model_of_other_settings_is_refused(flags, saved, own, trained, refused):
    for more_epochs in ([], ["--training-epochs", 1]):  # The model would be trained on, or only drawn.
        line = refused("--checkpoint-dir", "c", *flags, *more_epochs)
        assert line == f"c/autoencoder_recon-1: trained with {saved}, not with {own}"


@only_recon
def test_a_model_of_other_images_is_refused(trained, refused, small_data):
    images = shutil.copytree(small_data, "mended") + "/train-images-idx3-ubyte"
    Path(images).write_bytes(Path(images).read_bytes()[:-1] + b"\1")  # one pixel, black before
    line = refused("--checkpoint-dir", "c", "--data-dir", "mended")
    saved, own = re.search(": trained with (.*), not with (.*)$", line).groups()
    assert all(re.fullmatch(r"images of checksum \d+", text) for text in (saved, own)) and saved != own


@only_recon
@pytest.mark.parametrize("old, new, operations", [
    ('sigmoid(tf.add(tf.matmul(x, weights["encoder_h1"])', 'relu(tf.add(tf.matmul(x, weights["encoder_h1"])',
     ["MatMul AddV2 Relu", *["MatMul AddV2 Sigmoid"] * 3, "Sub Square Mean"]),
    ("encoder(X)", "encoder(X + tf.random_normal(tf.shape(X)))",
     ["Shape RandomStandardNormal Mul AddV2 AddV2", *["MatMul AddV2 Sigmoid"] * 4, "Sub Square Mean"]),
    ("tf.square", "tf.abs", [*["MatMul AddV2 Sigmoid"] * 4, "Sub Abs Mean"]),
    ('    with tf.name_scope("encoder"):', "    noise = tf.random_normal(tf.shape(X))\n    if True:",  # in no scope
     ["Shape RandomStandardNormal Mul AddV2", *["MatMul AddV2 Sigmoid"] * 4, "Sub Square Mean"]),
])
def test_a_model_of_other_formulas_is_refused(old, new, operations, trained, refused, monkeypatch):
    monkeypatch.setattr(autoencoder_recon, "build_network", changed(autoencoder_recon, {old: new}).build_network)
    saved = " ".join([*["MatMul AddV2 Sigmoid"] * 4, "Sub Square Mean"])  # the article's
    assert refused("--checkpoint-dir", "c") == (f"c/autoencoder_recon-1: trained with the operations {saved}, "
                                                f"not with the operations {' '.join(operations)}")


@only_encoder
def test_other_flags_may_change_and_directories_may_be_moved(run, trained, small_data, tmp_path, monkeypatch):
    """The directory of the checkpoints resumes from inside, too, where its name is a point. It has only one model."""
    (tmp_path / "data").symlink_to(small_data)
    trained.rename("moved")
    monkeypatch.chdir("moved")
    resumed = run("--checkpoint-dir", ".", "--training-epochs", 2, "--display-step", 2,
                  "--data-dir", "../data", "--output", "../a.SVG", "--log-dir", "../log")
    assert resumed.err == "encoder_2d.py: resumed from ./encoder_2d-1, after epoch 1; 1 more to train\n"
    assert set(os.listdir()) == {"checkpoint", "encoder_2d-2.index", "encoder_2d-2.data-00000-of-00001"}
    assert (tmp_path / "a.SVG").read_bytes().startswith(b"<?xml")  # The ending decides the format.


@only_encoder
def test_a_finished_run_only_draws_its_picture_again(run, trained, refused):
    """Fewer epochs than it has are refused: the picture would be that of another run."""
    before = snapshot(trained)
    again = run("--checkpoint-dir", "c", "--training-epochs", 1, "--output", "again.png")
    assert again.err == "encoder_2d.py: resumed from c/encoder_2d-1, after epoch 1; 0 more to train\n"
    first = run("--training-epochs", 1)
    assert again.out.splitlines()[:2] == first.out.splitlines()[1:3]
    assert Path("again.png").read_bytes() == Path("encoder_2d.png").read_bytes() and snapshot(trained) == before
    assert refused("--checkpoint-dir", "c", "--training-epochs", 0) == (
        "c/encoder_2d-1: trained for more than --training-epochs 0. To draw its picture, use --training-epochs 1")


@only_encoder
def test_epoch_0_is_not_resumed(run, tmp_path):
    """It was saved with other settings, or its first save was killed. What is not the script's stays."""
    run("--training-epochs", 0, "--checkpoint-dir", "c")
    (tmp_path / "d").mkdir()
    for left in ("encoder_2d-0.index", "encoder_2d-0.data-00000-of-00001.tempstate5", "notes-1.txt"):
        (tmp_path / "d" / left).write_bytes(b"x")
    expected = run("--training-epochs", 1, "--init", "xavier")
    for directory in ("c", "d"):
        assert run("--training-epochs", 1, "--init", "xavier", "--checkpoint-dir", directory) == expected
    np.testing.assert_equal(tensors("c"), tensors("d"))  # the same bits
    assert (tmp_path / "d" / "notes-1.txt").read_bytes() == b"x"


NOT_THERE = "c/checkpoint: missing or damaged, or the model that it names is not there. To begin anew"
INDEX, DATA = "encoder_2d-1.index", "encoder_2d-1.data-00000-of-00001"
DAMAGE = {  # the file, its new contents (None: it is removed), and a pattern of the line that refuses it
    "no checkpoint file": ("checkpoint", lambda b: None, NOT_THERE),
    "binary checkpoint file": ("checkpoint", lambda b: b"\xff\0", NOT_THERE),
    "another script's": ("checkpoint", lambda b: b.replace(b"encoder_2d-1", b"other-1"),
                         "c/checkpoint: names c/other-1, which encoder_2d.py did not save there"),
    "no epoch": ("checkpoint", lambda b: b.replace(b"2d-1", b"2d-best"),
                 "c/checkpoint: names c/encoder_2d-best, which encoder_2d.py did not save there"),
    "no index": (INDEX, lambda b: None, NOT_THERE),
    "cut index": (INDEX, lambda b: b[:-1], "c/encoder_2d-1: .+"),
    "no data": (DATA, lambda b: None, "c/encoder_2d-1: .*No such file or directory"),
    "changed data": (DATA, lambda b: b[:5000] + b"damage" + b[5006:], "c/encoder_2d-1: .*[Cc]hecksum"),
    **{f"data of {n} bytes": (DATA, lambda b, n=n: b[:n], "c/encoder_2d-1: .+") for n in (0, 100)},
}


@only_encoder
@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_checkpoint_is_refused(what, trained, refused):
    for other in ("other-1", "encoder_2d-best"):  # two of the rows make the file `checkpoint` name them
        shutil.copy(trained / INDEX, trained / f"{other}.index")
    name, change, expected = DAMAGE[what]
    contents = change((trained / name).read_bytes())
    (trained / name).unlink()
    if contents is not None:
        (trained / name).write_bytes(contents)
    line = refused("--checkpoint-dir", "c")
    assert re.match(expected, line), line


@only_encoder
@pytest.mark.parametrize("name", ["encoder_2d-1.index", "encoder_2d-10.index", "encoder_2d-25.data-00000-of-00001"])
def test_a_trained_model_without_the_file_checkpoint_is_not_taken_for_none(name, refused, tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / name).write_bytes(b"x")
    assert refused("--checkpoint-dir", "c").startswith(NOT_THERE)


@only_encoder
def test_a_model_of_another_network_is_refused(trained, refused, monkeypatch):
    """Saver itself compares no shapes."""
    monkeypatch.setattr(encoder_2d, "n_hidden_1", 300)
    assert refused("--checkpoint-dir", "c").startswith("c/encoder_2d-1: has variables of other names or shapes than")


@only_encoder
@pytest.mark.parametrize("files", [[], ["c"]])
def test_a_divergence_ends_a_run_and_replaces_no_checkpoint(files, run, tmp_path, capsys):
    """With one step an epoch, the cost of the batch is the one before the step that makes it infinite or NaN."""
    flags = [*(f"--checkpoint-dir={directory}" for directory in files), "--batch-size", 600, "--learning-rate", "1e38"]
    with pytest.raises(encoder_2d.RunError, match="^the cost is not finite after epoch 1: .*--learning-rate"):
        run(*flags)
    assert list(costs(capsys.readouterr().out)) == ["0001"]  # The last cost is printed before the run ends.
    assert os.listdir(tmp_path) == files  # no picture
    assert files == [] or tf.train.latest_checkpoint("c") == "c/encoder_2d-0"


@only_encoder
def test_a_divergence_keeps_the_last_checkpoint(run, tmp_path, capsys, monkeypatch):
    """The step size is changed behind the flags, with which the model would be refused."""
    flags = ["--batch-size", 600, "--checkpoint-dir", "c", "--training-epochs"]
    run(*flags, 1)
    before, build_network = snapshot(tmp_path / "c"), encoder_2d.build_network
    monkeypatch.setattr(encoder_2d, "build_network", lambda learning_rate, *rest: build_network(1e38, *rest))
    with pytest.raises(encoder_2d.RunError, match="^the cost is not finite after epoch 2: .*--learning-rate"):
        run(*flags, 3, "--output", "diverged.png")
    assert list(costs(capsys.readouterr().out)) == ["0002"]
    assert snapshot(tmp_path / "c") == before and not (tmp_path / "diverged.png").exists()


@only_encoder
def test_an_epoch_is_in_the_log_before_it_is_saved(run, monkeypatch):
    """A run that is killed between the two repeats the epoch and skips none in the log."""
    logged = {}
    monkeypatch.setattr(encoder_2d, "save_checkpoint", lambda saver, sess, directory, epoch: logged.update(
        {epoch: Path("log").exists() and read_log(Path("log"))[0].keys()}))
    run("--training-epochs", 2, "--checkpoint-dir", "c", "--log-dir", "log")
    assert logged == {0: False, 1: {("cost", 1), ("validation_cost", 1)},
                      2: {(tag, epoch) for tag in ("cost", "validation_cost") for epoch in (1, 2)}}


@only_encoder
@pytest.mark.parametrize("size, flags, file, lines_printed", [
    (100_000, ["--checkpoint-dir", "c"], "c", 1),
    (100_000, ["--checkpoint-dir", "new"], "new", 0),  # A new model is saved before the training.
    (2000, ["--log-dir", "log"], "log", 1),
    (2000, ["--output", "a.png"], "a.png", 5),
    (2000, ["--output", "a.jpg"], "a.jpg", 5),  # Pillow itself would leave half of it, and say nothing.
])
def test_a_full_disk_ends_a_run_and_keeps_the_last_checkpoint(size, flags, file, lines_printed, run, trained, capsys):
    resource = pytest.importorskip("resource")
    before, limits = snapshot(trained), resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))  # of each file, in bytes: much like a full disk
        with pytest.raises(encoder_2d.RunError, match=f"^{file}: .*File too large$"):
            run("--training-epochs", 3, *flags)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(capsys.readouterr().out.splitlines()) == lines_printed
    assert before.items() <= snapshot(trained).items()
    assert "resumed from c/encoder_2d-1" in run("--training-epochs", 1, "--checkpoint-dir", "c").err


LONG = ["--checkpoint-dir", "c", "--training-epochs", "3000"]  # With two steps an epoch, it saves for much of its time.


@only_encoder
def test_a_killed_run_loses_at_most_one_epoch(run, small_data):
    """After kill -9, the run ends with the bits of one that was never killed."""
    epochs_before_kill = np.random.default_rng().integers(1, 20)  # Another moment each time is intended.
    with started([sys.executable, encoder_2d.__file__, "--data-dir", small_data, *LONG]) as process:
        out = "".join(process.stdout.readline() for _ in range(epochs_before_kill))
        process.kill()
        printed = len(costs(out + process.stdout.read()))
    assert printed >= epochs_before_kill
    resumed = run("--training-epochs", printed + 2, "--checkpoint-dir", "c")
    # The last epoch that was printed may not have been saved, or the one after it may have been.
    last = re.search(r", after epoch (\d+);", resumed.err)  # None: only epoch 0 was saved.
    assert (int(last[1]) if last else 0) in (printed - 1, printed, printed + 1)
    assert run("--training-epochs", printed + 2, "--checkpoint-dir", "unbroken").out.endswith(resumed.out)
    np.testing.assert_equal(tensors("c"), tensors("unbroken"))  # the same bits


def test_ctrl_c_ends_a_run_and_the_loop_of_a_shell(small_data, tmp_path):
    """The last model is kept."""
    command = shlex.join(map(str, [sys.executable, autoencoder_recon.__file__, "--data-dir", small_data, *LONG]))
    loop = f"for i in 1 2; do {command}; echo next; done"
    with started(["bash", "-c", loop], cwd=tmp_path, start_new_session=True,
                 # Tests that run in the background of a shell are deaf to Ctrl-C, and so would it be.
                 preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as shell:
        lines = [shell.stdout.readline() for _ in range(3)]
        os.killpg(shell.pid, signal.SIGINT)  # Ctrl-C goes to the shell and to the script.
        lines += shell.stdout.read().splitlines()
        err = shell.stderr.read()
    assert own_lines(err) == ["KeyboardInterrupt"]
    assert shell.returncode == -signal.SIGINT
    assert lines[0].startswith("Epoch: 0001 cost= ") and "next" not in lines
    saved = re.search(r'autoencoder_recon-(\d+)"', (tmp_path / "c/checkpoint").read_text("utf-8"))[1]
    assert int(saved) >= len(lines) - 1
