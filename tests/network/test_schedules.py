import pytest

from estimator.network import constant, cosine, coslog4, warm_up


def test_constant_is_one_throughout() -> None:
    assert [constant(t) for t in (0, 0.5, 1)] == [1, 1, 1]


def test_cosine_falls_from_one_to_zero() -> None:
    assert [cosine(t) for t in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])


def test_coslog4_has_four_cycles_of_doubling_length() -> None:
    edges = [(2**wave - 1) / 15 for wave in range(5)]
    peaks = [(2 ** (wave + 0.5) - 1) / 15 for wave in range(4)]
    assert [coslog4(t) for t in edges] == pytest.approx([0] * 5, abs=1e-12)
    assert [coslog4(t) for t in peaks] == pytest.approx([1] * 4)


def test_a_warm_up_rises_linearly_and_then_follows_its_schedule() -> None:
    schedule = warm_up(0.2, cosine)
    assert [schedule(t) for t in (0, 0.1, 0.2, 0.6, 1)] == pytest.approx([0, 0.5, 1, 0.5, 0])


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_a_warm_up_share_outside_zero_to_one_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        warm_up(share)
