import numpy as np

from estimator.market.facts import Facts
from estimator.market.plane import kilometres


def test_distances_on_the_plane_are_those_on_the_globe() -> None:
    rng = np.random.default_rng(0)
    latitude, longitude = 47.5 + 0.2 * rng.random(50), -122.3 + 0.2 * rng.random(50)
    places = kilometres(Facts({"north": latitude, "east": longitude}), ("north", "east"), 47.6)
    a, b = np.triu_indices(50, 1)
    phi, lam = np.radians(latitude), np.radians(longitude)
    haversine = (
        np.sin((phi[a] - phi[b]) / 2) ** 2 + np.cos(phi[a]) * np.cos(phi[b]) * np.sin((lam[a] - lam[b]) / 2) ** 2
    )
    np.testing.assert_allclose(
        np.hypot(*(places[a] - places[b]).T), 2 * 6371 * np.arcsin(np.sqrt(haversine)), rtol=2e-3
    )
