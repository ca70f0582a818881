"""Consensus of imperfect readings."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tools.text.vote import agreement, vote, vote_digits


def test_each_character_is_decided_by_the_weight_of_its_readings() -> None:
    assert vote([("STATI0N", 0.8), ("STATION", 0.9), ("SFATION", 0.8), ("STATIOM", 0.7)]) == "STATION"


def test_readings_cut_off_at_the_border_do_not_shorten_the_text() -> None:
    assert vote([("ABC123", 0.9), ("C123", 0.9), ("ABC12", 0.9), ("BC123", 0.8)]) == "ABC123"


def test_a_lost_space_is_outvoted() -> None:
    assert vote([("drive select", 0.9), ("driveselect", 0.9), ("drive select", 0.8)]) == "drive select"


def test_a_digit_that_some_took_for_a_letter_is_recovered() -> None:
    assert vote_digits([("ABL599", 0.9), ("1599", 0.8), ("A1599", 0.7), ("L599", 0.9)]) == "1599"
    assert vote_digits([("no digits", 0.9)]) == ""


def test_nothing_read_is_nothing_said() -> None:
    assert vote([]) == ""
    assert agreement("", []) == 0.0


def test_disagreement_lowers_confidence() -> None:
    same = [("1599", 0.9)] * 3
    mixed = [("1599", 0.9), ("4599", 0.9), ("1590", 0.9)]
    assert agreement(vote(mixed), mixed) < agreement(vote(same), same) <= 0.9 + 1e-9


@settings(deadline=None)
@given(st.text(alphabet="ABC12 ", min_size=1, max_size=8).filter(lambda t: t == " ".join(t.split())), st.integers(1, 6))
def test_equal_readings_win(text: str, times: int) -> None:
    assert vote([(text, 0.8)] * times) == text


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(alphabet="AB1", min_size=1, max_size=6), st.floats(0.1, 1.0)), max_size=6))
def test_the_order_of_readings_does_not_matter_and_no_character_is_invented(readings: list[tuple[str, float]]) -> None:
    said = vote(readings)
    assert said == vote(readings[::-1])
    assert set(said) <= {c for text, _ in readings for c in text}
