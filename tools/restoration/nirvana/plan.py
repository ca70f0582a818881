"""How many steps fit into a budget of time, by measured speed, so that the same budget gives the same file."""

from __future__ import annotations

from tools.restoration.nirvana.network import CHANNELS, Config

SECONDS_A_PRODUCT, SECONDS_A_PARAMETER = 0.43e-9, 0.36e-6
"""Of processor time for a step: for each product of a forward pass, and for the bits of each parameter (one core)."""
MARGIN = 1.25
"""For looking at what is reached, and for writing it down."""
FIRST_SHARE = 4
"""The first network takes so many times the steps of a later one."""
MOST_STEPS, FEWEST_STEPS = 600, 4
"""Of a later network."""


def step_seconds(config: Config, num_patches: int) -> float:
    """Processor time of one step over so many patches."""
    products = sum(a * b for a, b in zip((2, *config.trunk), (*config.trunk, config.width), strict=True))
    side, into = config.side, config.channels
    for scale, out in config.blocks:
        products += 9 * into * out * scale**2 * side**2
        side, into = side * scale, out
    products += 9 * into * CHANNELS * config.frames * side**2
    return MARGIN * (num_patches * products * SECONDS_A_PRODUCT + config.num_parameters * SECONDS_A_PARAMETER)


def later_steps(config: Config, num_patches: int, num_groups: int, seconds: float) -> int:
    """Steps for each network but the first, which has FIRST_SHARE times as many; 0 where the time is too short."""
    steps = int(seconds / step_seconds(config, num_patches) / (FIRST_SHARE + num_groups - 1))
    return min(MOST_STEPS, steps) if steps >= FEWEST_STEPS else 0


def fewest_seconds(config: Config, num_patches: int, num_groups: int) -> float:
    """The shortest time with which `later_steps` is not 0."""
    return step_seconds(config, num_patches) * FEWEST_STEPS * (FIRST_SHARE + num_groups - 1)
