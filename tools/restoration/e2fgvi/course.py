"""E2FGVI from nothing, on made video; no data are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from tools.media.frame import Frame, Picture
from tools.nn.course import HELD_OUT, Course, Recipe
from tools.nn.figures import Figures
from tools.nn.train import NumberedBatches, OptimizerConfig, TrainConfig
from tools.restoration.e2fgvi.made import Moments, Videos, moments
from tools.restoration.e2fgvi.network import SIZES, SMALL, TINY, E2fgvi, E2fgviConfig
from tools.restoration.e2fgvi.objective import adversarial_loss, inpainting_loss
from tools.restoration.e2fgvi.remover import E2fgviRemover
from tools.restoration.quality import psnr
from tools.restoration.removers import FramesRemover, Remover

SIZE_PX = (120, 216)
"""Height and width of the pictures of sizes that take any."""
HELD_OUT_CLIPS, HELD_OUT_FRAMES = 8, 16
"""What is measured on."""
DROP = 0.8
"""Share of the steps after which the rate is a tenth."""


class E2fgviCourse(Course[E2fgvi, Moments]):
    """As published: Adam with betas 0 and 0.99, 1e-4 and from four fifths on 1e-5, 5 local frames, 3 references."""

    kind = E2fgvi
    configs: Mapping[str, E2fgviConfig] = {"small": SMALL, "tiny": TINY, **SIZES}
    optimizer = OptimizerConfig(learning_rate=1e-4, weight_decay=0.0, betas=(0.0, 0.99), clip_norm=1.0, schedule="step")
    batch_size = 8
    frames = 16

    def build(self, config: E2fgviConfig) -> E2fgvi:
        """With a critic."""
        model = E2fgvi(config)
        model.contest()
        return model

    def training(self, recipe: Recipe) -> TrainConfig:
        """See Course."""
        usual = super().training(recipe)
        return replace(usual, optimizer=replace(usual.optimizer, milestones=(round(DROP * recipe.steps),)))

    def batches(self, recipe: Recipe, *, workers: int = 0) -> NumberedBatches[Moments]:
        """A moment each of short clips."""
        videos = Videos.of(self._size(recipe), num_frames=recipe.frames, seed=recipe.seed)
        return NumberedBatches(partial(moments, videos, recipe.batch_size), workers=workers)

    def loss(self, model: nn.Module, batch: Moments) -> Mapping[str, Tensor]:
        """`hole`, `outside` and `flow`; `likely` and `critic` as long as there is a critic."""
        assert isinstance(model, E2fgvi)
        batch = batch.to(next(model.parameters()).device)
        found = model(batch.seen, batch.local)
        terms = inpainting_loss(found, batch)
        return terms if model.critic is None else terms | adversarial_loss(model.critic, found.pictures, batch)

    def measure(self, model: E2fgvi, recipe: Recipe) -> Figures:
        """PSNR in the holes of whole clips, of the network, of what needs no weights, and of grey."""
        videos = Videos.of(self._size(recipe), num_frames=HELD_OUT_FRAMES, seed=recipe.seed + HELD_OUT)
        ways: dict[str, Remover] = {
            "trained": E2fgviRemover(model, device=str(next(model.parameters()).device)),
            "without": FramesRemover(),
        }
        found: dict[str, list[float]] = {name: [] for name in (*ways, "grey")}
        for index in range(HELD_OUT_CLIPS):
            covered = Covered.of(videos, index)
            for name, way in ways.items():
                made = [picture for _, picture in way.remove(covered, covered.hole_at, 0.0, np.inf, lambda _: None)]
                found[name].append(covered.in_holes_db(made))
            found["grey"].append(covered.in_holes_db([np.full_like(picture, 128) for picture in covered.pictures]))
        mean = {name: float(np.mean(values)) for name, values in found.items()}
        quantity = "PSNR in the holes, dB"
        return Figures(quantity, mean["trained"], mean["without"], {f"{quantity}, of grey": mean["grey"]})

    def _size(self, recipe: Recipe) -> tuple[int, int]:
        return self.configs[recipe.config].size or SIZE_PX


@dataclass(frozen=True, eq=False)
class Covered:
    """Pictures of a video, and holes in them whose content is thus known."""

    pictures: Sequence[Picture]
    holes: npt.NDArray[np.bool_]
    """[T, H, W]."""

    @classmethod
    def of(cls, videos: Videos, index: int) -> Covered:
        """A made clip."""
        clip = videos.pictures[index]
        return cls(list(clip.frames()), videos.holes(index, range(clip.num_frames)))

    def frames(self, start_s: float = 0.0, end_s: float = np.inf) -> Iterator[Frame]:
        """What holes hide is grey."""
        for index, (picture, hole) in enumerate(zip(self.pictures, self.holes, strict=True)):
            if start_s - 1e-6 <= index / 25 <= end_s + 1e-6:
                yield Frame.from_rgb(index, index / 25, np.where(hole[..., None], np.uint8(128), picture))

    def hole_at(self, frame: Frame) -> npt.NDArray[np.bool_]:
        """Of one frame, [H, W]."""
        hole: npt.NDArray[np.bool_] = self.holes[frame.index]
        return hole

    def in_holes_db(self, made: Sequence[Picture]) -> float:
        """PSNR over all pixels of the holes together."""
        return psnr(np.stack(made)[self.holes], np.stack(self.pictures)[self.holes])
