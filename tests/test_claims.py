"""The measures behind the article's claims agree with what is known otherwise."""
import functools
import re
import shutil

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import autoencoder_recon
import measure_claims
from measure_claims import fit_pca, neighbour_accuracy, pca_codes, pca_reconstructions


def test_pca_on_a_small_set():
    """Against the singular value decomposition of the centred images."""
    rng = np.random.default_rng(0)
    images = rng.random((300, 20)).astype(np.float32) * np.linspace(1, 3, 20)
    pca = fit_pca(images, 4)
    mean = images.mean(axis=0)
    u, s, vt = np.linalg.svd(images - mean)
    np.testing.assert_allclose(pca_reconstructions(pca, images), mean + (u[:, :4] * s[:4]) @ vt[:4], atol=1e-6)
    np.testing.assert_allclose(abs(pca_codes(pca, images)), abs(u[:, :4] * s[:4]), atol=1e-6)
    np.testing.assert_allclose(pca[1].T @ pca[1], np.eye(4), atol=1e-12)


def test_pca_against_the_literature(mnist):
    """Hinton & Salakhutdinov, Science 313 (2006): 13.87 for an image of the test set and 30 components."""
    pca = fit_pca(mnist.train.images, 128)
    images = mnist.test.images
    errors = {k: np.mean((images - pca_reconstructions((pca[0], pca[1][:, :k]), images)) ** 2) for k in (2, 30, 128)}
    assert 784 * errors[30] == pytest.approx(13.87, rel=0.01)
    assert errors[128] == pytest.approx(0.0042, abs=5e-5) and errors[2] == pytest.approx(0.0557, abs=5e-5)


def test_neighbours_in_clusters():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 60)
    corners = 100 * np.stack([labels % 4, labels // 4], axis=1)
    assert neighbour_accuracy(corners + rng.random((600, 2)), labels) == 1
    # 6 points in a cluster of 11 are one digit: each sees 5 of its own and 5 others, the others 6 against 4.
    digits = np.array([3] * 6 + [4] * 5)
    assert neighbour_accuracy(rng.random((11, 2)), digits) == pytest.approx(6 * 0.5 / 11)
    # A point is no neighbour of its own: alone among ten others, it is wrong, and they are right.
    assert neighbour_accuracy(rng.random((11, 2)), np.array([0] + [1] * 10)) == pytest.approx(10 / 11)


def test_neighbours_at_the_same_distance_all_vote():
    line = np.array([[0, 0], [-1, 0], [1, 0]])
    # The first has two nearest neighbours, one of its own label: half right. The second is wrong, the third right.
    assert neighbour_accuracy(line, np.array([1, 2, 1]), k=1) == pytest.approx(1.5 / 3)


def test_neighbours_on_a_lattice():
    """Where most distances are ties, against a slow count of the same."""
    rng = np.random.default_rng(0)
    codes, labels = rng.integers(0, 12, (700, 2)), rng.integers(0, 3, 700)
    right = 0
    for i in range(700):
        others = sorted((int(((codes[j] - codes[i]) ** 2).sum()), labels[j]) for j in range(700) if j != i)
        votes = [label for distance, label in others if distance <= others[9][0]]
        most = max(votes.count(label) for label in range(3))
        winners = [label for label in range(3) if votes.count(label) == most]
        right += (labels[i] in winners) / len(winners)
    assert neighbour_accuracy(codes, labels) == pytest.approx(right / 700)


@pytest.mark.parametrize("init", ["normal", "xavier"])
def test_network_of_the_scripts_own_widths(init, mnist):
    """It is the script's: the same initial values and the same training, to the last bit."""
    def weights(build_network):
        with tf.Graph().as_default(), tf.Session() as sess:
            network = build_network(learning_rate=0.02, seed=3, init=init)
            variables = {v.op.name: v for v in tf.trainable_variables()}
            sess.run(tf.global_variables_initializer())
            initial = sess.run(variables)
            for step in range(3):
                sess.run(network.optimizer, feed_dict={network.X: mnist.train.images[step * 256:][:256]})
            code, y_pred = sess.run([network.encoder_op, network.y_pred], {network.X: mnist.test.images[:10]})
            return {**{f"{name} at first": v for name, v in initial.items()}, **sess.run(variables),
                    "code": code, "y_pred": y_pred}
    widths = measure_claims.encoder_units(autoencoder_recon)
    own = weights(autoencoder_recon.build_network)
    built = weights(functools.partial(measure_claims.build_autoencoder, widths))
    assert own.keys() == built.keys()
    for name in own:
        np.testing.assert_array_equal(built[name], own[name], err_msg=name)


def test_network_of_other_widths():
    with tf.Graph().as_default():
        measure_claims.build_autoencoder((30, 20, 10), 0.01, 0, "normal")
        shapes = {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}
    assert [shapes[f"weights/{part}_h{k}"] for part in ("encoder", "decoder") for k in (1, 2, 3)] == [
        [784, 30], [30, 20], [20, 10], [10, 20], [20, 30], [30, 784]]
    assert [shapes[f"biases/{part}_b{k}"] for part in ("encoder", "decoder") for k in (1, 2, 3)] == [
        [30], [20], [10], [20], [30], [784]]


def test_end_to_end(small_data, tmp_path, capsys, monkeypatch):
    """Every row and panel; and the program that was broken off gives the same table when it goes on."""
    drawn = {}

    def keep(name, draw, data, *others):
        drawn[name] = data
        draw(data, *others)
    for name in ("draw_training", "draw_reconstructions", "draw_codes"):
        monkeypatch.setattr(measure_claims, name, functools.partial(keep, name, getattr(measure_claims, name)))
    flags = ["--seeds", "0", "--epochs", "1", "2", "--data-dir", str(small_data), "--output-dir", str(tmp_path)]
    measure_claims.main(flags)
    table = (tmp_path / "claims.md").read_text()
    out, err = capsys.readouterr()
    assert out == table and re.search(r"^(\d+)/\1 ", err, re.M) and "nan" not in table
    claims, layers, _ = table.split("\n\n")
    assert claims.count("\n| ") == 8 and claims.count(" ± ") == 16
    assert layers.count("\n| ") == 4 and layers.count(" ± ") == 4 * 4 + 2 * 2
    for n_hidden in ("128", "256→128", "512→256→128", "512→256→192→128"):
        assert f"\n| 784→{n_hidden} | 0." in layers

    inits = ["the article's init", "--init xavier"]
    assert list(drawn["draw_training"]) == ["autoencoder_recon.py", "encoder_2d.py"]
    for curves, constants in drawn["draw_training"].values():
        assert list(curves) == inits and len(constants) == 2
        assert all(values.shape == (1, 2) and np.isfinite(values).all() for values in curves.values())
    assert list(drawn["draw_reconstructions"]) == ["original", *inits, "PCA"]
    assert all(np.shape(images) == (10, 784) for images in drawn["draw_reconstructions"].values())
    assert list(drawn["draw_codes"]) == [f"encoder_2d.py, {init}" for init in inits] + ["PCA, 2 components"]
    assert all(np.shape(codes) == (60, 2) for codes in drawn["draw_codes"].values())
    for name in ("training.png", "reconstructions.png", "codes.png"):
        assert plt.imread(tmp_path / name)[..., :3].std() > 0.05
    plt.close("all")

    trained = []
    train = measure_claims.train
    monkeypatch.setattr(measure_claims, "train", lambda run, *others: trained.append(run) or train(run, *others))
    runs = sorted((tmp_path / "runs").glob("*-0"))
    shutil.rmtree(runs[0])  # one run that had not begun,
    (runs[1] / "after-2.npz").unlink()  # and one that was trained but not measured
    measure_claims.main([*flags, "--runs-dir", str(tmp_path / "runs")])
    assert capsys.readouterr().out == table and {str(run) for run in trained} == {run.name for run in runs[:2]}
    plt.close("all")


def test_no_figure_for_fewer_epochs_than_trained(small_data, tmp_path):
    flags = ["--seeds", "0", "--data-dir", str(small_data), "--output-dir", str(tmp_path), "--epochs"]
    run = measure_claims.Run(autoencoder_recon, measure_claims.encoder_units(autoencoder_recon), "normal", 0.01, 0)
    (tmp_path / "runs").mkdir()
    measure_claims.train(run, 2, small_data, tmp_path / "runs" / str(run))
    with pytest.raises(SystemExit, match="trained for 2 epochs already, so 1 can't be measured"):
        measure_claims.main([*flags, "1"])
