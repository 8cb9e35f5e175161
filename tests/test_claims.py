"""The measures behind the article's claims agree with what is known otherwise."""
import matplotlib.pyplot as plt
import numpy as np
import pytest

pytest.importorskip("sklearn", reason="pip install scikit-learn to test what measures the claims")

import measure_claims
from helpers import costs
from measure_claims import Run, neighbour_accuracy


def test_pca_against_the_literature(mnist):
    """Hinton & Salakhutdinov, Science 313 (2006): 13.87 for an image of the test set and 30 components."""
    images = mnist.test.images
    reconstructions = measure_claims.pca_results(30, mnist.train.images, images)[1]
    assert ((images - reconstructions) ** 2).sum(axis=1).mean() == pytest.approx(13.87, rel=0.01)


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


def test_what_is_measured(script, run, small_data, monkeypatch):
    """What the command line prints; and the builder of other depths makes networks that train."""
    n_hidden = next(n_hidden for n_hidden, own in measure_claims.SCRIPTS.items() if own is script)
    measured = measure_claims.train(Run(n_hidden, "xavier", 3), [1, 6], small_data)
    for epochs in ("1", "6"):
        out, _ = run("--training-epochs", epochs, "--seed", 3, "--init", "xavier")
        assert f"\nTest MSE: {measured[epochs]['test_mse']:.6f}\n" in out
    assert [f"{cost:.9f}" for cost in measured["cost"]] == list(costs(out).values())
    monkeypatch.setattr(measure_claims, "SCRIPTS", {})
    built = measure_claims.train(Run(n_hidden, "xavier", 3), [1, 6], small_data)
    assert built["6"]["test_mse"] < 0.7 * built["1"]["test_mse"]


def test_end_to_end(small_data, tmp_path, capsys, monkeypatch):
    """Every row and picture; and started again, the program trains only what is missing."""
    trained, train, runs = [], measure_claims.train, tmp_path / "runs.jsonl"
    monkeypatch.setattr(measure_claims, "train", lambda run, *args: (trained.append(run), train(run, *args))[1])
    with plt.rc_context():
        measure_claims.main((0, 1), 1, 2, small_data, tmp_path)
    out, err = capsys.readouterr()
    means, deviations = (table.splitlines()[2:] for table in out.split("\n\n")[:2])
    assert len(means) == len(deviations) == 7 and "nan" not in out
    assert all(row.count("**") == 2 for row in means) and all(row.count(" | ") == 4 for row in deviations)
    assert err.count("test MSE") == len(trained) == 16
    assert {path.name for path in tmp_path.glob("*.png")} == {"reconstructions.png", "codes.png", "training.png"}
    runs.write_text("".join(runs.read_text("utf-8").splitlines(keepends=True)[1:]), "utf-8")
    with plt.rc_context():
        measure_claims.main((0, 1), 1, 2, small_data, tmp_path)
    assert capsys.readouterr().out == out and trained[16:] == trained[:1]
    plt.close("all")
