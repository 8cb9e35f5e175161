"""The benchmark runs. Its times are nobody's to assert."""
import benchmark_training


def test_a_line_for_each_script(small_data, capsys):
    benchmark_training.main(small_data, rounds=1)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split(":")[0] for line in lines] == ["autoencoder_recon.py", "encoder_2d.py"]
