"""What the pictures show, and how they are saved."""
import os
import resource

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import own_lines, start

import autoencoder_recon
import encoder_2d


@pytest.mark.parametrize("n, bands, columns", [(1, 1, 1), (10, 1, 10), (20, 1, 20), (45, 3, 20)])
def test_reconstruction_picture(n, bands, columns, mnist):
    images, results = mnist.test.images[:n], mnist.test.images[100:][:n]
    autoencoder_recon.draw(images, results)
    axes = np.reshape(plt.gcf().axes, (bands, 2, columns))
    for i in range(n):
        for row, expected in enumerate([images, results]):
            (shown,) = axes[i // columns, row, i % columns].images
            np.testing.assert_array_equal(shown.get_array().ravel(), expected[i])
            assert shown.get_clim() == (0, 1)
    assert sum(len(ax.images) for ax in axes.flat) == 2 * n
    for band in axes:
        assert [ax.texts[0].get_text() for ax in band[:, 0]] == ["original", "reconstruction"]
    # Nothing is cut off, nothing lies on anything else.
    plt.gcf().canvas.draw()
    whole = plt.gcf().bbox
    texts = [ax.texts[0].get_window_extent() for ax in axes[:, :, 0].flat]
    boxes = [ax.get_window_extent() for ax in axes.flat] + texts
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= whole.x1 and box.y1 <= whole.y1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    plt.close("all")


def test_codes_picture(mnist):
    codes = np.random.RandomState(0).randn(10_000, 2)
    encoder_2d.draw(codes, mnist.test.labels)
    ax, bar = plt.gcf().axes
    (points,) = ax.collections
    np.testing.assert_array_equal(points.get_offsets(), codes)
    assert ax.get_xlabel() == "encoder_result[:, 0]" and ax.get_ylabel() == "encoder_result[:, 1]"
    # One colour a digit, each tick in the middle of its own.
    colours = {digit: points.to_rgba(digit) for digit in range(10)}
    assert len(set(colours.values())) == 10
    plt.gcf().canvas.draw()
    assert [tick.get_text() for tick in bar.get_yticklabels()] == [str(digit) for digit in range(10)]
    assert bar.get_ylim() == (-0.5, 9.5)
    for digit, colour in colours.items():
        assert points.to_rgba(digit - 0.45) == points.to_rgba(digit + 0.45) == colour
    plt.close("all")


def test_formats(run, tmp_path):
    for name, beginning in [("a.pdf", b"%PDF"), ("a.SVG", b"<?xml"), ("b.jpeg", b"\xff\xd8")]:
        status, out, _ = run("--training-epochs", 0, "--output", name)
        assert status == 0 and out.endswith(f"Saved {name}\n")
        assert (tmp_path / name).read_bytes().startswith(beginning)


@pytest.mark.parametrize("script", [autoencoder_recon], indirect=True)
def test_a_picture_that_cannot_be_written_whole(script, small_data, tmp_path):
    (tmp_path / "a.png").write_text("an earlier picture")
    process = start(script, "--data-dir", small_data, "--training-epochs", 0, "--output", "a.png", cwd=tmp_path,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    out, err = process.communicate()
    assert process.returncode == 1 and "Saved" not in out
    assert own_lines(err) == [f"{script.__name__}.py: error: a.png: File too large"]
    assert os.listdir(tmp_path) == ["a.png"] and (tmp_path / "a.png").read_text() == "an earlier picture"


def test_a_name_as_long_as_a_name_can_be(run, refused):
    longest = "x" * 251 + ".png"
    assert run("--training-epochs", 0, "--output", longest)[0] == 0 and os.listdir() == [longest]
    assert f"argument --output: y{longest}: File name too long" in refused("--output", "y" + longest)


def test_a_link_is_written_through(run, refused, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for name in ("old.png", "new.png"):
        (tmp_path / name).symlink_to(f"elsewhere/{name}")
    (tmp_path / "elsewhere" / "old.png").write_text("an earlier picture")
    for name in ("old.png", "new.png"):
        assert run("--training-epochs", 0, "--output", name)[1].endswith(f"Saved {name}\n")
        assert (tmp_path / name).is_symlink() and (tmp_path / "elsewhere" / name).read_bytes().startswith(b"\x89PNG")
    assert sorted(os.listdir("elsewhere")) == ["new.png", "old.png"]
    (tmp_path / "null.png").symlink_to(os.devnull)
    assert "null.png is not the name of a " in refused("--output", "null.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert run("--training-epochs", 0, "--output", "loop.png")[0] == 2 and (tmp_path / "loop.png").is_symlink()


def test_what_matplotlib_raises_is_one_line(script, run, monkeypatch):
    monkeypatch.setenv("PATH", "")  # so that there is no LaTeX
    with plt.rc_context({"text.usetex": True}):
        status, _, err = run("--training-epochs", 0)
    assert status == 1 and err.count("\n") == 1 and os.listdir() == []
    assert err.startswith(f"{script.__name__}.py: error: {script.__name__}.png: ") and "latex" in err
    monkeypatch.setattr(script, "draw", lambda *results: plt.imshow([[0]], interpolation="none such"))
    status, _, err = run("--training-epochs", 0)
    assert status == 1 and err.count("\n") == 1 and f"error: {script.__name__}.png: 'none such' is not" in err
    assert plt.get_fignums() == []


def test_a_mistake_in_draw_keeps_its_traceback(script, run, monkeypatch):
    """Whoever changes draw() wants to know where."""
    namespace = {}
    exec(compile("def draw(*results): [][0]", script.__file__, "exec"), namespace)
    monkeypatch.setattr(script, "draw", namespace["draw"])
    with pytest.raises(IndexError):
        run("--training-epochs", 0)
    assert os.listdir() == []


@pytest.mark.parametrize("script", [encoder_2d], indirect=True)
def test_a_name_that_stdout_cannot_express(script, small_data, tmp_path):
    process = start(script, "--data-dir", small_data, "--training-epochs", 0, "--output", "\u00fc.png", cwd=tmp_path,
                    env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, err = process.communicate()
    assert process.returncode == 0 and own_lines(err) == [] and out.endswith("\nSaved \\xfc.png\n")
    assert os.listdir(tmp_path) == ["\u00fc.png"]


def test_figures_do_not_pile_up_but_a_notebook_shows_them(script, run, monkeypatch):
    run("--training-epochs", 0)
    assert plt.get_fignums() == []
    shown = []
    monkeypatch.setattr(plt, "get_backend", lambda: "module://matplotlib_inline.backend_inline")
    monkeypatch.setattr(plt, "switch_backend", lambda name: None)
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    run("--training-epochs", 0)
    assert len(shown) == 1 and plt.get_fignums() == [shown[0].number]
