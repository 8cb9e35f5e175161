"""What ends a run: kill -9, Ctrl-C, a divergence, a full disk, a bad checkpoint. What was saved before stays usable."""
import re
import shutil
import signal

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import (
    assert_same_model,
    costs,
    file_size_limit,
    only_encoder,
    only_recon,
    snapshot,
    start,
    without_tensorflow_lines,
)

import autoencoder_recon
import encoder_2d


def test_a_resumed_run_ends_like_an_unbroken_one(script, run):
    unbroken = run("--training-epochs", 5, "--checkpoint-dir", "a", "--batch-size", 250)
    assert unbroken.err == ""
    first = run("--training-epochs", 2, "--checkpoint-dir", "b", "--batch-size", 250)
    resumed = run("--training-epochs", 5, "--checkpoint-dir", "b", "--batch-size", 250)
    name = script.__name__
    assert resumed.err == f"{name}.py: resumed from b/{name}-2, after epoch 2\n"
    assert first.out.splitlines()[:2] + resumed.out.splitlines() == unbroken.out.splitlines()
    assert_same_model("a", "b")


@only_encoder
def test_a_finished_run_only_draws_its_picture_again(run, tmp_path):
    finished = run("--training-epochs", 2, "--checkpoint-dir", "c")
    before = snapshot(tmp_path / "c")
    (tmp_path / "encoder_2d.png").unlink()
    again = run("--training-epochs", 1, "--checkpoint-dir", "c")
    assert again.out.splitlines() == finished.out.splitlines()[2:]
    assert snapshot(tmp_path / "c") == before and (tmp_path / "encoder_2d.png").exists()


@only_encoder
def test_what_a_killed_first_save_leaves_is_no_checkpoint(run, tmp_path):
    """Files of the first save without a `checkpoint` file are replaced. Files of others stay."""
    (tmp_path / "c").mkdir()
    for left in ("encoder_2d-0.index", "encoder_2d-0.data-00000-of-00001.tempstate5", "notes-1.txt"):
        (tmp_path / "c" / left).write_bytes(b"x")
    assert run("--training-epochs", 0, "--checkpoint-dir", "c").err == ""
    resumed = run("--training-epochs", 1, "--checkpoint-dir", "c")
    assert "resumed from c/encoder_2d-0, after epoch 0" in resumed.err
    assert resumed.out == run("--training-epochs", 1).out
    assert (tmp_path / "c" / "notes-1.txt").read_bytes() == b"x"


@only_encoder
def test_the_checkpoint_directory_may_be_moved(run, tmp_path, monkeypatch):
    """It resumes under another name, and from inside, where its name is a point. Then it has only the last model."""
    run("--training-epochs", 1, "--checkpoint-dir", tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    assert "resumed from after/encoder_2d-1" in run("--training-epochs", 2, "--checkpoint-dir", "after").err
    monkeypatch.chdir(tmp_path / "after")
    resumed = run("--training-epochs", 3, "--checkpoint-dir", ".", "--output", tmp_path / "a.png")
    assert "resumed from ./encoder_2d-2, after epoch 2" in resumed.err
    assert {path.name for path in (tmp_path / "after").iterdir()} == {
        "checkpoint", "encoder_2d-3.index", "encoder_2d-3.data-00000-of-00001"}


@only_encoder
def test_a_script_with_quotes_and_accents_in_its_name_resumes(run, tmp_path, monkeypatch):
    monkeypatch.setattr(encoder_2d, "script", encoder_2d.script.with_name("bob's é.py"))
    for epochs in (1, 2):
        run("--training-epochs", epochs, "--checkpoint-dir", "c")
    assert {path.name for path in (tmp_path / "c").iterdir()} == {
        "checkpoint", "bob's é-2.index", "bob's é-2.data-00000-of-00001"}


@only_encoder
def test_a_pattern_above_the_working_directory_does_no_harm(run, tmp_path, monkeypatch):
    (tmp_path / "w[1]*").mkdir()
    monkeypatch.chdir(tmp_path / "w[1]*")
    run("--training-epochs", 1, "--checkpoint-dir", "c")
    assert "resumed from c/encoder_2d-1" in run("--training-epochs", 2, "--checkpoint-dir", "c").err


@only_encoder
def test_a_directory_whose_name_is_a_pattern_is_refused(run, refused):
    """TensorFlow would take run? for run1, and would remove the model there."""
    run("--training-epochs", 0, "--checkpoint-dir", "run1")
    for name in ("run?", "run*", "[r]un1", "run\\1", "new?/run"):
        assert f"error: argument --checkpoint-dir: {name}: " in refused("--checkpoint-dir", name)


# The file that is damaged, what is made of its bytes (None: it is removed), and a pattern of the line.
NOT_WHOLE = "bad/checkpoint: names no whole checkpoint, but encoder_2d-1.data-.* is there"
DAMAGE = {
    "no checkpoint file": ("checkpoint", None, NOT_WHOLE),
    "empty checkpoint file": ("checkpoint", lambda b: b"", NOT_WHOLE),
    "binary checkpoint file": ("checkpoint", lambda b: b"\xff\0", NOT_WHOLE),
    "cut checkpoint file": ("checkpoint", lambda b: b[:30], NOT_WHOLE),
    "no index": ("encoder_2d-1.index", None, NOT_WHOLE),
    "empty index": ("encoder_2d-1.index", lambda b: b"", "bad/encoder_2d-1: .+"),
    "cut index": ("encoder_2d-1.index", lambda b: b[:-1], "bad/encoder_2d-1: .+"),
    "no data": ("encoder_2d-1.data-00000-of-00001", None, "bad/encoder_2d-1: .*No such file or directory"),
    "cut data": ("encoder_2d-1.data-00000-of-00001", lambda b: b[:-1], "bad/encoder_2d-1: .+"),
    "changed data": ("encoder_2d-1.data-00000-of-00001", lambda b: b[:5000] + b"damage" + b[5006:],
                     "bad/encoder_2d-1: .*[Cc]hecksum"),
    "another directory's": ("checkpoint", lambda b: b.replace(b"encoder_2d-1", b"../good/encoder_2d-1"),
                            "bad/checkpoint: names bad/../good/encoder_2d-1, "),
}


@only_encoder
@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_checkpoint_is_refused(what, run, refused, tmp_path):
    run("--training-epochs", 1, "--checkpoint-dir", "good")
    shutil.copytree("good", "bad")
    name, change, expected = DAMAGE[what]
    path = tmp_path / "bad" / name
    contents = path.read_bytes()
    path.unlink()
    if change:
        path.write_bytes(change(contents))
    line = refused("--checkpoint-dir", "bad")
    assert re.match(expected, line), line


@only_encoder
def test_a_checkpoint_of_another_network_is_refused(run, refused, monkeypatch):
    """Saver itself compares no shapes."""
    run("--training-epochs", 1, "--checkpoint-dir", "c")
    line = "c/encoder_2d-1: another network or optimizer, with other variables or shapes"
    with monkeypatch.context() as patch:
        patch.setattr(encoder_2d, "n_hidden_1", 300)
        assert refused("--checkpoint-dir", "c") == line
    build_network = encoder_2d.build_network

    def with_a_layer_more(*args):
        tf.Variable([0.0], name="encoder_b5")
        return build_network(*args)
    with monkeypatch.context() as patch:
        patch.setattr(encoder_2d, "build_network", with_a_layer_more)
        assert refused("--checkpoint-dir", "c") == line
        run("--training-epochs", 1, "--checkpoint-dir", "more")
    assert refused("--checkpoint-dir", "more") == line.replace("c/", "more/", 1)


@only_encoder
def test_a_checkpoint_of_another_script_is_refused(run, refused, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(encoder_2d, "script", encoder_2d.script.with_name("other.py"))
        run("--training-epochs", 1, "--checkpoint-dir", "c")
    assert refused("--checkpoint-dir", "c") == "c/checkpoint: names c/other-1, which encoder_2d.py did not save there"


@only_encoder
def test_a_checkpoint_without_an_epoch_in_its_name_is_refused(run, refused, tmp_path):
    run("--training-epochs", 1, "--checkpoint-dir", "c")
    for path in (tmp_path / "c").glob("encoder_2d-1.*"):
        path.rename(path.with_name(path.name.replace("-1.", "-best.")))
    state_file = tmp_path / "c" / "checkpoint"
    state_file.write_text(state_file.read_text("utf-8").replace("2d-1", "2d-best"), "utf-8")
    assert refused("--checkpoint-dir", "c") == (
        "c/checkpoint: names c/encoder_2d-best, which encoder_2d.py did not save there")


def test_a_divergence_keeps_the_last_checkpoint(script, run, tmp_path, capsys):
    """A step of 1e38 makes the cost infinite or NaN, in an epoch whose cost is not printed. The run can go on."""
    flags = ["--batch-size", 600, "--display-step", 5, "--checkpoint-dir"]  # one step an epoch
    run(*flags, "c", "--training-epochs", 1)
    before = snapshot(tmp_path / "c")
    with pytest.raises(script.RunError, match="^the cost is not finite after epoch 2: .*--learning-rate"):
        run(*flags, "c", "--training-epochs", 3, "--learning-rate", "1e38", "--output", "diverged.png")
    assert capsys.readouterr().out == ""
    assert snapshot(tmp_path / "c") == before and not (tmp_path / "diverged.png").exists()
    run(*flags, "c", "--training-epochs", 2)
    run(*flags, "unbroken", "--training-epochs", 2)
    assert_same_model("c", "unbroken")


MODEL_TOO_LARGE = 100_000  # bytes; the files of a model have more


@only_recon
def test_a_disk_that_is_full_at_the_first_save_is_noticed_before_the_training(run, capsys):
    with file_size_limit(MODEL_TOO_LARGE), pytest.raises(autoencoder_recon.RunError, match="^c: .*File too large$"):
        run("--checkpoint-dir", "c")
    assert capsys.readouterr().out == ""


@only_recon
def test_a_disk_that_is_full_later_keeps_the_last_checkpoint(run, tmp_path):
    run("--training-epochs", 1, "--checkpoint-dir", "c")
    before = snapshot(tmp_path / "c")
    with file_size_limit(MODEL_TOO_LARGE), pytest.raises(autoencoder_recon.RunError, match="^c: .*File too large$"):
        run("--training-epochs", 3, "--checkpoint-dir", "c")
    assert before.items() <= snapshot(tmp_path / "c").items()
    assert "resumed from c/autoencoder_recon-1" in run("--training-epochs", 2, "--checkpoint-dir", "c").err


@only_encoder
def test_a_full_disk_for_the_log(run, tmp_path, capsys):
    """If there is no room for the graph, no training begins. If there is none for the costs, it ends."""
    run("--training-epochs", 0, "--log-dir", "graph_only")
    size_of_graph = next((tmp_path / "graph_only").iterdir()).stat().st_size
    for limit, epochs_printed in [(size_of_graph // 2, []), (size_of_graph + 50, ["0001"])]:
        with file_size_limit(limit), pytest.raises(encoder_2d.RunError, match="^log: .*File too large$"):
            run("--training-epochs", 3, "--log-dir", "log")
        assert list(costs(capsys.readouterr().out)) == epochs_printed


def start_long_run(script, small_data, directory):
    """Start a run that makes two steps an epoch, so that it is in the middle of saving for much of its time."""
    return start(  # It could be deaf to Ctrl-C, if the tests run in the background of a shell.
        script, "--data-dir", small_data, "--checkpoint-dir", "c", "--training-epochs", 3000, cwd=directory,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))


def test_a_killed_run_loses_at_most_one_epoch(script, run, small_data, tmp_path):
    """After kill -9, the run ends with the bits of one that was never killed."""
    process = start_long_run(script, small_data, tmp_path)
    epochs_before_kill = np.random.default_rng().integers(1, 20)  # Another moment each time is intended.
    out = "".join(process.stdout.readline() for _ in range(epochs_before_kill))
    process.kill()
    out += process.stdout.read()
    process.stderr.close()
    assert process.wait() == -signal.SIGKILL
    printed = len(costs(out))
    resumed = run("--training-epochs", printed + 2, "--checkpoint-dir", "c")
    # The last epoch that was printed may not have been saved, or the one after it may have been.
    assert int(re.search(r", after epoch (\d+)$", resumed.err)[1]) in (printed - 1, printed, printed + 1)
    unbroken = run("--training-epochs", printed + 2, "--checkpoint-dir", "unbroken")
    assert unbroken.out.endswith(resumed.out)
    assert_same_model("c", "unbroken")


def test_ctrl_c_ends_a_run_with_one_line(small_data, tmp_path):
    """Each line before it came when it was printed, and not only when a buffer was full. The last model is kept."""
    process = start_long_run(encoder_2d, small_data, tmp_path)
    lines = [process.stdout.readline() for _ in range(3)]
    process.send_signal(signal.SIGINT)
    lines += process.stdout.readlines()
    assert without_tensorflow_lines(process.stderr.read()) == ["encoder_2d.py: interrupted"]
    assert process.wait() == 130
    assert lines[0].startswith("Epoch: 0001 cost= ") and len(lines) < 150  # A buffer holds more than 200.
    assert tf.train.latest_checkpoint(str(tmp_path / "c"))
