"""Coordinates in the forms in which maps, phones and deeds give them."""

import pytest

from estimator.market.text.coordinates import read_coordinates

HERE = (47.6205, -122.3145)
FORMS = [
    "47.6205, -122.3145",
    "47.6205,-122.3145",
    " 47.6205 -122.3145 ",
    "(47.6205; −122.3145)",
    "-122.3145, 47.6205",
    "47,6205; -122,3145",
    "47,6205 -122,3145",
    "47.6205° N, 122.3145° W",
    "47.6205N 122.3145W",
    "N 47.6205 W 122.3145",
    "122.3145° W, 47.6205° N",
    "47°37'13.8\"N 122°18'52.2\"W",
    "47° 37′ 13.8″ N, 122° 18′ 52.2″ O",
    "47 37.23 N 122 18.87 W",
    "47:37:13.8 -122:18:52.2",
    "lat: 47.6205, lon: -122.3145",
    "geo:47.6205,-122.3145",
    "POINT(-122.3145 47.6205)",
    "https://www.google.com/maps/@47.6205,-122.3145,17z",
    "https://www.google.com/maps/place/X/@47.1,-122.1,17z/data=!3m1!4b1!4m5!3m4!1s0x0:0x0!8m2!3d47.6205!4d-122.3145",
    "https://maps.google.com/?q=47.6205%2C-122.3145",
    "https://www.openstreetmap.org/?mlat=47.6205&mlon=-122.3145#map=17/47.1/-122.1",
    "https://www.openstreetmap.org/#map=17/47.6205/-122.3145",
    "https://maps.apple.com/?ll=47.6205,-122.3145",
]


@pytest.mark.parametrize("text", FORMS)
def test_usual_forms_are_read(text: str) -> None:
    assert read_coordinates(text) == pytest.approx(HERE, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "98102",
        "98102 98103",
        "Capitol Hill",
        "12 Main St 98102",
        "95, 200",
        "47°75'N 122°W",
        "47 N 122 N",
        "1 2 3",
    ],
)
def test_other_text_states_no_location(text: str) -> None:
    assert read_coordinates(text) is None


def test_south_and_west_are_negative() -> None:
    assert read_coordinates("33°51'31\"S 151°12'51\"E") == pytest.approx((-33.858611, 151.214167), abs=1e-6)
    assert read_coordinates("-33.8586 151.2142") == (-33.8586, 151.2142)
