"""Findings are mapped to options."""

from planners.embedded.choose import by_direction, by_number, by_truth, by_words


def test_directions_prefer_the_option_that_says_least_else() -> None:
    options = ("to the left", "to the right only", "towards the camera", "it stays where it is")
    assert by_direction(options, {"left"}) == "to the left"
    assert by_direction(options, {"right"}) == "to the right only"
    assert by_direction(options, {"closer"}) == "towards the camera"
    assert by_direction(options, {"none"}) == "it stays where it is"
    assert by_direction(options, {"up"}) is None


def test_a_denied_motion_counts_as_standing_still() -> None:
    assert by_direction(("left", "they do not move right or left"), {"none"}) == "they do not move right or left"


def test_numbers_in_words_and_digits() -> None:
    assert by_number(("one", "two cups", "3"), 2) == "two cups"
    assert by_number(("one", "two cups", "3"), 3) == "3"
    assert by_number(("one", "two"), 5) is None


def test_yes_and_no() -> None:
    assert by_truth(("No", "Yes, it does"), True) == "Yes, it does"
    assert by_truth(("red", "blue"), True) is None


def test_shared_words() -> None:
    assert by_words(("landscape", "portrait"), "portrait (vertical)") == "portrait"
    assert by_words(("a", "b"), "nothing of these") is None
