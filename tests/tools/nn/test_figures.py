"""Figures beside weights: those of real clips decide where they are there, and stand in the model card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.nn.figures import CARD, FIGURES, Figures, add_real, beats_embedded, write_figures

BETTER, WORSE = Figures("J", 0.7, 0.6), Figures("J", 0.6, 0.7)


def made(folder: Path, figures: Figures) -> None:
    write_figures(folder, figures, name="Net tiny", command="train it", recipe={"steps": 3}, parameters=7)


def test_figures_of_real_clips_decide(tmp_path: Path) -> None:
    assert not beats_embedded(tmp_path)
    made(tmp_path, BETTER)
    assert not beats_embedded(tmp_path)
    add_real(tmp_path, WORSE, command="measure it")
    assert not beats_embedded(tmp_path)
    add_real(tmp_path, BETTER, command="measure it")
    made_worse = json.loads((tmp_path / FIGURES).read_text()) | {"trained": 0.1}
    (tmp_path / FIGURES).write_text(json.dumps(made_worse))
    assert beats_embedded(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"real": 3}', '{"real": {"trained": 1}}', '{"trained": "much"}'])
def test_what_is_no_figures_beats_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FIGURES).write_text(text)
    assert not beats_embedded(tmp_path)


def test_the_same_quality_is_not_better(tmp_path: Path) -> None:
    add_real(tmp_path, Figures("J", 0.6, 0.6), command="measure it")
    assert not beats_embedded(tmp_path)


def test_the_card_tells_the_last_figures_of_real_clips_below_those_of_made_data(tmp_path: Path) -> None:
    made(tmp_path, Figures("J", 0.9, 0.8))
    before = (tmp_path / CARD).read_text()
    add_real(tmp_path, WORSE, command="measure it")
    add_real(tmp_path, Figures("J on clips", 0.654, 0.321, {"J of clicks": 0.111}), command="measure it")
    card = (tmp_path / CARD).read_text()
    assert card.startswith(before)
    for row in ("J on clips | 0.654", "J on clips, by the back end without weights | 0.321", "J of clicks | 0.111"):
        assert f"| {row} |" in card
    assert card.count("measure it") == 1
    assert "0.600" not in card
    assert json.loads((tmp_path / FIGURES).read_text())["real"]["others"] == {"J of clicks": 0.111}


def test_weights_that_training_did_not_measure_get_a_card(tmp_path: Path) -> None:
    add_real(tmp_path, BETTER, command="measure it")
    assert (tmp_path / CARD).read_text().startswith(f"# {tmp_path.name}\n")
    assert beats_embedded(tmp_path)
