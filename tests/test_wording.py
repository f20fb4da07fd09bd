from estimator.wording import plural


def test_only_one_is_singular() -> None:
    assert [plural(n, "home") for n in (0, 1, 2000)] == ["0 homes", "1 home", "2,000 homes"]
    assert plural(3, "facility", "facilities") == "3 facilities"
