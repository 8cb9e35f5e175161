"""The measures behind the article's claims agree with what is known otherwise."""
import matplotlib.pyplot as plt
import numpy as np
import pytest

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


def test_end_to_end(small_data, tmp_path, capsys):
    figures = []
    savefig = plt.savefig

    def keep(path):
        figures.append(plt.gcf())
        savefig(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plt, "savefig", lambda path, **kwargs: keep(path) if not kwargs else savefig(path, **kwargs))
        measure_claims.main(["--seeds", "0", "1", "--epochs", "1", "--data-dir", str(small_data),
                             "--output-dir", str(tmp_path)])
    table = (tmp_path / "claims.md").read_text()
    out, err = capsys.readouterr()
    assert out == table and "8/8 " in err
    assert table.count("\n| ") == 6 and table.count(" ± ") == 13 and "nan" not in table
    rows, panels = figures
    assert [ax.texts[0].get_text() for ax in rows.axes if ax.texts] == [
        "original", "the article's init", "--init xavier", "PCA"]
    assert len(rows.axes) == 40 and all(len(ax.images) == 1 for ax in rows.axes)
    *scatters, bar = panels.axes
    assert [ax.get_title() for ax in scatters] == [
        "encoder_2d.py, the article's init", "encoder_2d.py, --init xavier", "PCA, 2 components"]
    colours = [ax.collections[0].get_array() for ax in scatters]
    assert all((c == colours[0]).all() and len(c) == 60 for c in colours)
    for name in ("reconstructions.png", "codes.png"):
        assert plt.imread(tmp_path / name)[..., :3].std() > 0.05
    plt.close("all")
