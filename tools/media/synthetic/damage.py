"""What cameras and codecs do to a picture: light, defocus, noise, compression."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.media.synthetic.waves import Wave, random_wave

Light = npt.NDArray[np.float32]


STEADY, NOTHING = Wave(1.0), Wave(0.0)


@dataclass(frozen=True)
class Damage:
    """How the pictures of a clip differ from what the scene looks like; the defaults change nothing."""

    gain: Wave = STEADY
    """Of the whole picture, over time."""
    slope: Wave = NOTHING
    """How much brighter one side of the picture is than the other, over time."""
    slope_angle: float = 0.0
    gamma: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Gain of red, green, blue."""
    defocus_px: float = 0.0
    """Standard deviation of the blur."""
    noise: float = 0.0
    """Standard deviation, levels of 0..255."""
    quality: int = 100
    """Of JPEG; 100 = not compressed."""
    shutter: float = 0.0
    """Share of the time between frames during which the shutter is open; 0 = no motion blur."""

    def apply(self, light: Light, t: float, rng: np.random.Generator) -> Picture:
        """The picture that is recorded of a view, float32 [H, W, 3] in 0..255; `rng` gives the noise."""
        import cv2

        height, width = light.shape[:2]
        gain, slope = self.gain(t), self.slope(t)
        if slope:
            x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :] * math.cos(self.slope_angle)
            y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None] * math.sin(self.slope_angle)
            light = light * cv2.cvtColor(1 + np.float32(slope) * (x + y), cv2.COLOR_GRAY2RGB)
        if gain != 1 or self.tint != (1.0, 1.0, 1.0):
            light = np.asarray(cv2.transform(light, gain * np.diag(self.tint)), np.float32)
        if self.gamma != 1:
            light = cv2.pow(np.clip(light, 0, 255) / np.float32(255), self.gamma) * np.float32(255)
        if self.defocus_px:
            light = np.asarray(cv2.GaussianBlur(light, (0, 0), self.defocus_px), np.float32)
        if self.noise:
            light = light + normal_noise(rng, light.shape, self.noise)
        picture = np.clip(light + np.float32(0.5), 0, 255).astype(np.uint8)
        if self.quality < 100:
            bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
            _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
            picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)
        return picture


def normal_noise(rng: np.random.Generator, shape: tuple[int, ...], deviation: float) -> npt.NDArray[np.float32]:
    """Normal noise of a standard deviation, float32 [H, W, C], of 256 values: looked up by random bytes."""
    import cv2

    chance = np.frombuffer(rng.bytes(math.prod(shape)), np.uint8).reshape(shape)
    return np.asarray(cv2.LUT(chance, deviation * _NORMAL), np.float32)


def _normal_of_bytes() -> npt.NDArray[np.float32]:
    """256 values that are equally likely when a normal one is drawn, float32 [256], standard deviation 1."""
    values = np.array([NormalDist().inv_cdf((index + 0.5) / 256) for index in range(256)], np.float32)
    return values / values.std()


_NORMAL = _normal_of_bytes()


def random_damage(rng: np.random.Generator, chance: float) -> Damage:
    """Each kind of damage is there or not by itself; `chance` scales how often."""

    def happens(share: float) -> bool:
        return bool(rng.random() < share * chance)

    return Damage(
        gain=random_wave(rng, rng.uniform(0.75, 1.2), 0.2, (12.0, 80.0)) if happens(0.5) else STEADY,
        slope=random_wave(rng, 0.0, 0.6, (20.0, 120.0)) if happens(0.3) else NOTHING,
        slope_angle=float(rng.uniform(0, 2 * math.pi)),
        gamma=float(np.exp(rng.uniform(-0.4, 0.4))) if happens(0.3) else 1.0,
        tint=(float(rng.uniform(0.85, 1.1)), 1.0, float(rng.uniform(0.85, 1.1))) if happens(0.3) else (1.0, 1.0, 1.0),
        defocus_px=float(rng.uniform(0.4, 1.2)) if happens(0.25) else 0.0,
        noise=float(rng.uniform(1, 10)) if happens(0.6) else 0.0,
        quality=int(rng.integers(25, 91)) if happens(0.5) else 100,
        shutter=float(rng.uniform(0.3, 1.0)) if happens(0.4) else 0.0,
    )
