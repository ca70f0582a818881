"""Our own tools and extractors. The tools enter the registry through the entry point `videre.tools`, as plug-ins do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tools.base import Tool
from tools.colours.extractor import ColourExtractor
from tools.colours.tool import FindColourRegions
from tools.counting.tool import Count
from tools.detection.tool import Detect
from tools.editing.adjust import Adjust
from tools.editing.blur_region import BlurRegion
from tools.editing.compress_neural import CompressNeural
from tools.editing.concat import Concat
from tools.editing.contact_sheet import ContactSheet
from tools.editing.crop import Crop
from tools.editing.crop_to_subject import CropToSubject
from tools.editing.cut import Cut
from tools.editing.denoise_artifacts import DenoiseArtifacts
from tools.editing.export import Export
from tools.editing.extract_audio import ExtractAudio
from tools.editing.fade import Fade
from tools.editing.gif import Gif
from tools.editing.highlight import Highlight
from tools.editing.overlay_text import OverlayText
from tools.editing.pixelate_faces import PixelateFaces
from tools.editing.remove_object import RemoveObject
from tools.editing.rotate import Rotate
from tools.editing.side_by_side import SideBySide
from tools.editing.slow_motion import SlowMotion
from tools.editing.speed import Speed
from tools.editing.stabilise import Stabilise
from tools.editing.storyboard import Storyboard
from tools.editing.subtitles import Subtitles
from tools.editing.summary_clip import SummaryClip
from tools.editing.volume import Volume
from tools.extractor import DerivedExtractor, Extractor
from tools.foreground.tool import SegmentForeground
from tools.matching.tool import Match
from tools.movements.tool import FindMovements
from tools.people.extractor import PeopleExtractor
from tools.people.tool import FindPeople
from tools.reidentification.extractor import AppearanceExtractor
from tools.reidentification.tool import FindSame
from tools.retrieval.embed_facts import FactEmbedder
from tools.retrieval.search_library import SearchLibrary
from tools.retrieval.search_memory import SearchMemory
from tools.retrieval.sql import Sql
from tools.segmentation.tool import Segment
from tools.shots.detector import ShotExtractor
from tools.shots.tool import ListShots
from tools.sound.extractor import SoundExtractor
from tools.sound.tool import DescribeSound
from tools.speech.extractor import SpeechExtractor
from tools.speech.tool import FindSpeech
from tools.text.extractor import TextExtractor
from tools.text.tool import FindText
from tools.tracking.camera import CameraExtractor
from tools.tracking.camera_tool import CameraMotion
from tools.tracking.follow_tool import TrackObjects
from tools.tracking.motion_tool import TrackMotion
from tools.tracking.objects import ObjectExtractor
from tools.tracking.objects_tool import ListObjects
from tools.tracking.points_tool import TrackPoints
from tools.understanding.compare import CompareFrames
from tools.understanding.frames import LookAtFrames
from tools.understanding.graph_tool import SceneGraph
from tools.understanding.info import VideoInfo
from tools.understanding.summary import Summarise
from tools.understanding.when import OrderEvents, When
from tools.vision.caption import CaptionShots
from tools.vision.ladder import Focus, Overview, Skim
from tools.vision.look import Look

TOOLS: tuple[type[Tool], ...] = (
    VideoInfo,
    ListShots,
    CameraMotion,
    ListObjects,
    TrackMotion,
    TrackPoints,
    FindMovements,
    Segment,
    FindText,
    FindSpeech,
    DescribeSound,
    FindColourRegions,
    FindPeople,
    Detect,
    TrackObjects,
    SegmentForeground,
    Count,
    FindSame,
    SearchMemory,
    SearchLibrary,
    Sql,
    When,
    OrderEvents,
    SceneGraph,
    LookAtFrames,
    CompareFrames,
    Match,
    Summarise,
    Look,
    Overview,
    Skim,
    Focus,
    CaptionShots,
    Cut,
    Concat,
    Speed,
    SlowMotion,
    OverlayText,
    Subtitles,
    SummaryClip,
    Gif,
    ContactSheet,
    Storyboard,
    SideBySide,
    Export,
    Adjust,
    BlurRegion,
    Crop,
    CropToSubject,
    DenoiseArtifacts,
    Fade,
    Highlight,
    PixelateFaces,
    RemoveObject,
    Rotate,
    Stabilise,
    Volume,
    ExtractAudio,
    CompressNeural,
)


def extractors(models: Path | None) -> list[Callable[[], Extractor]]:
    """What ingest runs over a video; `models` is the folder of weights, if there is one."""
    return [
        ShotExtractor,
        CameraExtractor,
        ObjectExtractor,
        TextExtractor,
        PeopleExtractor,
        ColourExtractor,
        SoundExtractor,
        partial(SpeechExtractor, models),
    ]


def derived_extractors() -> list[Callable[[], DerivedExtractor]]:
    """What ingest runs afterwards, on what the extractors found."""
    return [AppearanceExtractor, FactEmbedder]
