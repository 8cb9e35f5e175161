"""The program behind the README's table trains as the scripts do, counts neighbours rightly and can be stopped."""
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

pytest.importorskip("sklearn", reason="pip install scikit-learn to test what measures the claims")

import measure_claims
from helpers import costs
from measure_claims import Run, neighbour_accuracy

import autoencoder_recon


def test_neighbour_accuracy():
    rng = np.random.default_rng(0)
    # 6 points in a cluster of 11 are one digit: each sees 5 of its own and 5 others, the others 6 against 4.
    digits = np.array([3] * 6 + [4] * 5)
    assert neighbour_accuracy(rng.random((11, 2)), digits) == pytest.approx(6 * 0.5 / 11)
    # A point is no neighbour of its own: alone among ten others, it is wrong, and they are right.
    assert neighbour_accuracy(rng.random((11, 2)), np.array([0] + [1] * 10)) == pytest.approx(10 / 11)


def test_stuck_pixels():
    images = np.array([[0, 0, 1, 0.5], [0, 0.5, 1, 0]])
    reconstructions = np.array([[1, 0, 0, 0.5], [1, 0, 1, 0.5]])  # The last two pixels change, or are in between.
    assert measure_claims.stuck_pixels(reconstructions, images) == (1, 1, pytest.approx((1 + 1 + 0.25) / 3.5))
    assert measure_claims.stuck_pixels(reconstructions, images * 0)[1] == 0  # No digit needs the pixels that stay at 0.


def test_a_measured_training_is_the_scripts_own(script, run, small_data):
    n_hidden = measure_claims.RECON if script is autoencoder_recon else measure_claims.ENCODER
    measured = measure_claims.train(Run(n_hidden, "xavier", 3), [1, 6], small_data)
    for epochs in ("1", "6"):
        out, _ = run("--training-epochs", epochs, "--seed", 3, "--init", "xavier")
        assert f"\nTest MSE: {measured[epochs]['test_mse']:.6f} (mean" in out
    assert [f"{cost:.9f}" for cost in measured["cost"]] == list(costs(out).values())


@pytest.mark.parametrize("layers", measure_claims.MIXED.values(), ids=measure_claims.MIXED)
def test_the_layers_that_are_named_begin_as_with_xavier(layers):
    values = {}
    for initializer in ("normal", "xavier", "mixed"):
        with tf.Graph().as_default(), tf.Session() as sess:
            autoencoder_recon.build_network(0.01, 3, "xavier" if initializer == "xavier" else "normal")
            sess.run(tf.global_variables_initializer())
            if initializer == "mixed":
                measure_claims.start_as_xavier(sess, layers, 3)
            values[initializer] = sess.run({v.op.name: v for v in tf.trainable_variables()})
    for name, value in values["mixed"].items():
        layer = name.split("/")[1].replace("_b", "_h")
        np.testing.assert_array_equal(value, values["xavier" if layer in layers else "normal"][name])


def test_every_row_and_picture_is_made_and_no_training_repeated(small_data, tmp_path, capsys):
    """The program is started again after one of its 14 trainings is removed from its file."""
    def measure():
        measure_claims.main((0,), 1, 2, small_data, tmp_path)
        return capsys.readouterr()
    out, err = measure()
    rows = [line for line in out.splitlines() if line.startswith("| ")]
    assert len(rows) == 5 + 8 and "nan" not in out
    assert all(row.count("**") == 2 and row.count("±") == 4 for row in rows[1:5])
    assert [row.split(" ")[1] for row in rows[6:]] == ["none", "all", *measure_claims.LAYERS, "all"]
    assert err.startswith("14 networks to train") and err.count("test MSE") == 14
    assert {path.name for path in tmp_path.glob("*.png")} == {"reconstructions.png", "codes.png", "training.png"}
    runs = (tmp_path / "runs.jsonl").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "runs.jsonl").write_text("".join(runs[1:]), "utf-8")
    again, err = measure()
    assert again == out and err.startswith("1 networks to train") and err.count("test MSE") == 1
    plt.close("all")
