"""The benchmark runs. Its times are nobody's to assert."""
import benchmark_training

import autoencoder_recon
import encoder_2d


def test_a_row_for_each_way(small_data, capsys, monkeypatch):
    keras_epoch, called = benchmark_training.keras_epoch, []

    def once(script, mnist, jit_compile):  # for Keras sets itself up in seconds
        called.append((script, jit_compile))
        return keras_epoch(script, mnist, jit_compile) if called == [(autoencoder_recon, False)] else lambda: None
    monkeypatch.setattr(benchmark_training, "keras_epoch", once)
    benchmark_training.main(["--rounds", "1", "--data-dir", str(small_data)])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| `")]
    assert len(rows) == 8 and rows[0].endswith(" | 1.00 |")
    assert called == [(script, jit) for script in (autoencoder_recon, encoder_2d) for jit in (False, True)]
