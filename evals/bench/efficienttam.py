"""Benchmark `tam`: EfficientTAM-Ti 512 with random weights on the judo frames, one object and eight.

With a checkout of yformer/EfficientTAM its predictor runs in the same process with the same weights, pictures and
masks, taking turns with ours frame by frame, so that both meet the same load of the machine. Nothing is told where the
masks of the two differ. Its pictures are prepared beforehand, ours frame by frame.

Wall time is what a user waits for; on a machine that does other things, too, believe the processor time, taken with
OMP_NUM_THREADS=1 (threads that wait for one another count as busy).
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from evals.bench.kernels import matmul_flops, synchronise
from evals.bench.memory_queries import resident_bytes
from evals.bench.result import BenchOptions, Result
from tools.base import InvalidArguments, ToolFailed
from tools.media.frame import Picture
from tools.media.stills import read_picture
from tools.segmentation.film import Stills
from tools.segmentation.frames import StreamPictures, to_model
from tools.segmentation.models.config import Config
from tools.segmentation.models.efficienttam import SIZES, EfficientTAM
from tools.segmentation.predictor import Mask, Options, VideoPredictor

NAME, SEED = "ti_512x512", 0
AHEAD, SLOWER = 1.3, 2.0
"""At least so many times as fast as upstream for one object; eight objects take less than so many times as long."""
SEVERAL = 8
SETTLED = 6
"""Frames after the first until all memory slots are taken; those after them are timed."""
REPEATS, TIMED = 2, 3
"""Rounds over all frames with one object, and timed frames with several."""
PLAIN = Options(stabilise=False, binarise=False, fill_holes_px=0)
"""Upstream fills holes on a GPU only."""
SAME = 1e-2
"""Largest difference of logits, relative to the largest: memories are bfloat16, whose last bit is 0.4 %."""
SHORT, LONG, SMALL_SIDE = 100, 1000, 128
"""Frames after which memory is measured, and the side of the pictures there: many frames in little time."""


def run(options: BenchOptions) -> Iterator[Result]:
    """The figures, each as soon as it is known. Raises ToolFailed when upstream's masks are not ours."""
    folder = None if options.data is None else options.data / "judo"
    if folder is None or not folder.is_dir():
        if options.upstream is not None:
            raise InvalidArguments("the benchmark needs the judo frames: give their folder's parent as --clips")
        return
    files = sorted(folder.glob("[0-9]*.jpg"))
    pictures = [read_picture(file) for file in files]
    device = torch.device(options.device)
    network = random_network(SIZES[NAME]).to(device)
    limit = matmul_flops(device, torch.float32)
    yield Result("limit: matrix product, float32", limit / 1e9, "GFLOP/s")
    seconds = {}
    for count, repeats in ((1, REPEATS), (SEVERAL, 1)):
        options.progress(f"{count} object{'s'[: count > 1]}")
        ours: list[Took] = []
        theirs: list[Took] = []
        for _ in range(repeats):
            masks = _boxes(pictures[0], count)
            runs = [_ours(network, pictures, masks)]
            if options.upstream is not None:
                runs.append(_upstream(network, options.upstream, folder, pictures, masks))
            for found in take_turns(runs, len(pictures) - 1 if count == 1 else SETTLED + TIMED, device):
                ours.append(found[0])
                theirs += found[1:]
        name = f"{count} object{'s'[: count > 1]}"
        seconds[count] = [statistics.median(took[kind] for took in ours) for kind in range(2)]
        yield from _compared(name, ours, theirs, at_least=AHEAD if count == 1 else None)
    for kind, label in enumerate(("wall", "processor")):
        ratio = seconds[SEVERAL][kind] / seconds[1][kind]
        yield Result(f"{SEVERAL} objects: times as long as one, {label}", ratio, "1", target=SLOWER)
    if device.type != "cpu":
        return
    yield from _shares(network, pictures, limit)
    options.progress(f"memory over {LONG} frames")
    yield from grown(random_network(replace(SIZES[NAME], image_size=SMALL_SIDE)), pictures, SHORT, LONG)


Took = tuple[float, float]
"""Seconds of wall time and of processor time."""


def random_network(config: Config) -> EfficientTAM:
    """Random weights of which every object is in sight."""
    torch.manual_seed(SEED)
    network = EfficientTAM(config).eval()
    with torch.no_grad():
        network.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(5.0)  # type: ignore[operator]
    return network


def _boxes(picture: Picture, count: int) -> list[Mask]:
    """Masks of boxes, four in a row."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 4
    masks = []
    for k in range(count):
        mask = np.zeros(picture.shape[:2], dtype=bool)
        y, x = k // 4 * height, k % 4 * width
        mask[y + height // 4 : y + height, x + width // 8 : x + width] = True
        masks.append(mask)
    return masks


def _ours(network: EfficientTAM, pictures: Sequence[Picture], masks: Sequence[Mask]) -> Iterator[Tensor]:
    """Logits [objects, H, W] of the frames after the first."""
    predictor = VideoPredictor(network, Stills(pictures), options=PLAIN)
    for k, mask in enumerate(masks):
        predictor.add_mask(k, 0, mask)
    for found in predictor.propagate(start=1):
        yield found.logits()


def _upstream(
    network: EfficientTAM, checkout: Path, folder: Path, pictures: Sequence[Picture], masks: Sequence[Mask]
) -> Iterator[Tensor]:
    """The same by the predictor of a checkout."""
    if not (checkout / "efficient_track_anything").is_dir():
        raise InvalidArguments(f"{checkout} is no checkout of yformer/EfficientTAM: it has no efficient_track_anything")
    if str(checkout) not in sys.path:
        sys.path.insert(0, str(checkout))
    from efficient_track_anything.build_efficienttam import build_efficienttam_video_predictor

    device = network.no_obj_ptr.device
    predictor = build_efficienttam_video_predictor(
        f"configs/efficienttam/efficienttam_{NAME}.yaml", device=str(device), apply_postprocessing=False
    )
    predictor.load_state_dict(network.state_dict())
    state = predictor.init_state(str(folder))
    state["images"] = torch.cat([to_model(picture, predictor.image_size, device) for picture in pictures])
    state["cached_features"].clear()
    for k, mask in enumerate(masks):
        predictor.add_new_mask(state, 0, k, mask)
    for _, _, logits in islice(predictor.propagate_in_video(state), 1, None):
        yield logits[:, 0]


def take_turns(runs: Sequence[Iterator[Tensor]], num_frames: int, device: torch.device) -> Iterator[list[Took]]:
    """What each run takes for a frame, one after the other, for the frames on which all slots are taken."""
    for frame in range(num_frames):
        took, found = [], []
        for steps in runs:
            wall, processor = time.perf_counter(), time.process_time()
            found.append(next(steps))
            synchronise(device)
            took.append((time.perf_counter() - wall, time.process_time() - processor))
        for other in found[1:]:
            error = float((other - found[0]).abs().max() / found[0].abs().max())
            if not error < SAME:
                raise ToolFailed(
                    f"upstream's logits of frame {frame + 1} differ from ours by {error:.2g} of the largest"
                )
        if frame >= SETTLED:
            yield took


def _compared(name: str, ours: list[Took], theirs: list[Took], *, at_least: float | None) -> Iterator[Result]:
    for kind, label in enumerate(("wall", "processor")):
        mine = statistics.median(took[kind] for took in ours)
        other = statistics.median(took[kind] for took in theirs) if theirs else None
        yield Result(f"{name}: seconds a frame, {label}, median", mine, "s", baseline=other)
        best = min(took[kind] for took in theirs) if theirs else None
        yield Result(f"{name}: seconds a frame, {label}, least", min(took[kind] for took in ours), "s", baseline=best)
        if other is not None:
            yield Result(f"{name}: times as fast as upstream, {label}", other / mine, "1", at_least=at_least)


def _shares(network: EfficientTAM, pictures: Sequence[Picture], limit: float) -> Iterator[Result]:
    """What is done once for all objects and what for each, and what follows for many objects."""
    spent = {"encode": 0.0, "recall": 0.0, "decode": 0.0, "remember": 0.0}
    originals = {name: getattr(network, name) for name in spent}

    def timed(name: str):  # type: ignore[no-untyped-def]
        def call(*args, **more):  # type: ignore[no-untyped-def]
            started = time.process_time()
            result = originals[name](*args, **more)
            spent[name] += time.process_time() - started
            return result

        return call

    steps = _ours(network, pictures, _boxes(pictures[0], 1))
    for _ in range(SETTLED):
        next(steps)
    for name in spent:
        setattr(network, name, timed(name))
    count = len(list(steps))
    for name in spent:
        delattr(network, name)
        yield Result(f"  {name}, one object, processor", spent[name] / count, "s")
    flop = _flop(network.config)
    yield Result("  recall: products of an object", flop / 1e9, "GFLOP")
    yield Result("  recall: least time of an object at the limit, wall", flop / limit, "s")
    each = sum(spent[name] for name in ("recall", "decode", "remember"))
    bound = (spent["encode"] + SEVERAL * each) / (spent["encode"] + each)
    yield Result(f"  {SEVERAL} objects by these parts: times as long as one", bound, "1")


def _flop(config: Config) -> float:
    """Of products in memory attention for one object more, all slots taken; the first self-attention is shared."""
    tokens, dim, width = config.grid**2, config.dim, config.memory_dim
    keys = config.num_memories * tokens + config.num_pointers * dim // width
    around = 2 * tokens * dim * (4 * dim + 2 * tokens)
    back = 2 * tokens * (dim * dim + keys * (dim + width) + width * dim) + 2 * keys * width * dim
    return config.memory_layers * (back + 4 * tokens * dim * config.ffn) + (config.memory_layers - 1) * around


def grown(network: EfficientTAM, pictures: Sequence[Picture], short: int, long: int) -> Iterator[Result]:
    """How much memory a session takes after few and after many frames of a stream."""
    stream = StreamPictures(pictures[i % len(pictures)] for i in range(long + 1))
    predictor = VideoPredictor(network, stream)
    for k, mask in enumerate(_boxes(pictures[0], 1)):
        predictor.add_mask(k, 0, mask)
    sizes, resident = {}, {}
    for found in predictor.propagate(start=1):
        if found.frame in (short, long):
            sizes[found.frame], resident[found.frame] = predictor.num_bytes(), resident_bytes()
    for frame in (short, long):
        yield Result(f"memory after {frame} frames, process", resident[frame] / 2**20, "MiB")
    yield Result(f"memory from frame {short} to {long}, process", (resident[long] - resident[short]) / 2**20, "MiB", 16)
    yield Result(f"memory from frame {short} to {long}, session", sizes[long] - sizes[short], "bytes", target=1)
