"""Places in the picture are matched to options by where they are."""

import pytest

from planners.embedded.skills.colour import _place_option


@pytest.mark.parametrize(
    ("options", "centre", "chosen"),
    [
        (("on the left", "in the middle", "on the right"), (0.2, 0.9), "on the left"),
        (("on the left", "in the middle", "on the right"), (0.55, 0.5), "in the middle"),
        (("left half", "right half"), (0.6, 0.1), "right half"),
        (("top left", "bottom left", "bottom right"), (0.1, 0.8), "bottom left"),
        (("at the top", "at the bottom"), (0.9, 0.9), "at the bottom"),
        (("on the table", "in the sink"), (0.5, 0.5), None),
    ],
)
def test_the_nearest_place_is_chosen(options: tuple[str, ...], centre: tuple[float, float], chosen: str | None) -> None:
    assert _place_option(options, *centre) == chosen
