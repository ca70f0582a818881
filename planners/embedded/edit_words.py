"""Words that ask for an edit: verb classes of planners.embedded.goal whose goals end in a file."""

from __future__ import annotations

import re

_OTHERS = r"(?:(?!(?:of|for|the|as|in|to|with|written|text|textual|one-sentence|one-line)\b)[\w.-]+ )"
_MAKE = (
    r"(?:make|create|give me|get|get me|produce|generate|render|build|cut|prepare|export|save)(?: me)? "
    rf"(?:(?:a|an|the|one) )?{_OTHERS}{{0,4}}?"
)
_UNIT = r"(?:s|secs?|seconds?|m|mins?|minutes?)\b"
_WHICH = r"(?:(?:whole|entire|new|original|edited|resulting|cut|last) )?"
_IT = rf"(?:it|this|them|the {_WHICH}(?:video|clip|film|movie|recording|footage|result|summary|excerpt|picture))"
_FILES = r"(?:videos?|clips?|files?|recordings?|films?|them|both)\b"
_NOT_WORDS = r"(?!.*\b(?:in|with|of) (?:[\w-]+ ){0,2}(?:words?|sentences?|paragraphs?|bullets?|bullet points?)\b)"
_SHAPE = r"(?:vertical|portrait|upright|square|horizontal|landscape|widescreen|phone|\d{1,2}:\d{1,2})"
_WHEN = (
    rf"(?:(?:very )?(?:first|last|final) (?:[\w.]+ ?)?(?:{_UNIT}|half\b|third\b|quarter\b)"
    r"|(?:from|between|before|after|until|up to) [\d.:]+|[\d.:]+ ?\w* ?(?:-|–|to|and) ?\d"
    rf"|[\w.]+ {_UNIT}|\d[\d.]*{_UNIT}|everything (?:before|after|except|but|else|outside)\b|(?:where|when|while)\b"
    r"|(?:[\w-]+ )?(?:parts?|moments?|scenes?(?! graph)|shots?|stretch(?:es)?|sections?|segments?|bits?|pieces?|clips?"
    r"|silences?|pauses?|intro|outro|beginning|ending|start|end|rest)\b(?! of (?:it|them)\b))"
)
"""Where a request names a time instead of a thing."""

_SOUND = r"(?:audio(?: track)?|sounds?|sound ?track|music|voices?|volume)"
NO_TOOL: dict[str, str] = {
    r"(?:remove|blur|replace|change|swap|hide)(?: out)? (?:the |its )?background\b": "no tool changes the background; "
    "things can be highlighted, which dims everything else",
    r"(?:resize|rescale|upscale|colou?ri[sz]e|sharpen|loop|dub|reverse)\b"
    r"|zoom (?:in|out)\b|(?:play|run|turn) .*\bbackwards?\b"
    r"|make " + _IT + r" (?:sharper|smaller|larger)\b"
    r"|add (?:(?:a|an|some|the) )?(?:\w+ )?(?:music|filters?|transitions?|effects?|intro|outro)\b": "no tool "
    "does this edit",
}
"""Edits that people ask for and no tool does, with what to tell them."""

EDIT_VERBS: dict[str, tuple[str, ...]] = {
    "no_tool": tuple(NO_TOOL),
    "audio": (
        r"(?:extract|save|export|rip|get|give me|pull out|separate|isolate)(?: me)? (?:only |just )?(?:the |its )?"
        rf"{_SOUND}\b",
    ),
    "volume": (
        rf"(?:remove|mute|silence|delete|drop|strip|turn off|get rid of)(?: the| its)? {_SOUND}\b",
        rf"mute\b|silence {_IT}$",
        r"turn (?:it|the (?:sound|volume|audio)) (?:up|down)\b|turn (?:up|down) the (?:sound|volume|audio)\b",
        rf"make (?:{_IT}|the {_SOUND}) (?:[\w.]+ times )?(?:as loud|louder|quieter|silent|softer)\b",
        r"(?:increase|raise|double|halve|lower|reduce) the (?:sound|volume|audio|loudness)\b",
    ),
    "rotate": (
        rf"(?:rotate|flip|mirror)\b|turn {_IT} (?:upside down|(?:by )?\d+ ?(?:degrees|°)|(?:to the )?(?:left|right)\b)",
    ),
    "adjust": (
        r"(?:brighten|darken|desaturate)\b",
        rf"(?:make|turn|convert) {_IT}(?: (?:in)?to)? (?:(?:a (?:bit|little) |much )?(?:brighter|darker|lighter)"
        r"|black[- ]and[- ]white|gr[ea]y(?:scale)?|monochrome|(?:more|less) colou?rful|more vivid)\b",
        r"(?:increase|raise|boost|lower|reduce|decrease|add|double|halve)(?: more)?(?: the)? "
        r"(?:brightness|contrast|saturation|colou?rs?)\b",
    ),
    "fade": (rf"fade(?: {_IT})?(?: in| out)?\b|add (?:(?:a|an|some|the) )?(?:[\w.-]+ ){{0,3}}?fades?\b",),
    "crop_box": (
        rf"crop(?: {_IT})?(?: to)?(?: the)?(?: box| region| area| rectangle)?(?: at| to)? \(?\d+, ?\d+, ?\d+, ?\d+",
    ),
    "stabilise": (
        r"(?:stabili[sz]e|steady|de-?shake)\b",
        r"(?:remove|reduce|fix|correct|get rid of|smooth(?: out)?) (?:the )?(?:camera )?"
        r"(?:shak\w+|jitter\w*|wobbl\w+|trembl\w*)\b",
        rf"make {_IT} (?:less shaky|steady|steadier|stable)\b",
    ),
    "denoise": (
        r"(?:de-?noise|de-?block)\b",
        r"(?:remove|reduce|get rid of|fix|clean up) (?:the )?(?:compression |coding |codec |jpe?g |mpeg )?"
        r"(?:arte?i?facts?|blocking|block noise|noise)\b",
        rf"(?:clean up|restore|enhance) {_IT}\b",
    ),
    "subtitles": (
        r"(?:add|burn|burn in|put|make|create|generate|write|include|overlay|export|save|extract)(?: me)? "
        rf"(?:in )?(?:(?:the|an?) )?{_OTHERS}{{0,2}}?(?:subtitles?|captions|srt|vtt|webvtt)\b",
        r"with (?:burn(?:ed|t)[- ]in |soft )?(?:subtitles|captions)\b",
        rf"subtitle {_IT}\b",
    ),
    "text": (
        r"(?:put|write|add|overlay|place|insert|print|stamp|superimpose)(?: me)? (?:(?:a|an|the) )?(?:[\w-]+ ){0,4}?"
        r"(?=[\"“„«'‘])",
        r"(?:put|write|add|overlay|place|insert|print|superimpose) (?:a|the) (?:text|words?|title|heading|label) "
        r"(?P<words>.+?) (?:at|in|on|to) (?:the )?(?:top|bottom|upper|lower|cent|middle|left|right|picture|video)",
        rf"(?:title|label|caption) {_IT} (?=[\"“„«'‘])",
    ),
    "gif": (
        rf"{_MAKE}gifs?\b",
        r"(?:turn|convert|save|export|render|make|give me|get)\b.*\b(?:as|to|into) (?:an? )?(?:animated )?gif\b",
        r"(?:an? )?(?:animated )?gif of\b",
    ),
    "contact_sheet": (
        rf"{_MAKE}(?:contact ?sheet|thumbnail (?:sheet|grid)|(?:sheet|grid) of (?:[\w-]+ )?(?:frames|pictures|"
        r"thumbnails|images))\b",
        r"(?:an? )?contact ?sheet\b",
    ),
    "storyboard": (rf"{_MAKE}story ?board\b", r"(?:an? )?story ?board\b"),
    "summary": (
        rf"(?:{_MAKE}|(?:show me|an?) (?:(?:an?|the) )?{_OTHERS}{{0,4}}?)(?:summary (?:clip|video|reel)|video summary|"
        r"highlights? (?:reel|clip|video)|trailer|teaser|montage|recap (?:clip|video))\b",
        r"(?:make|create|produce|generate|render|build|cut)(?: me)? (?:(?:a|an|the) )?"
        rf"{_OTHERS}{{0,4}}?(?:summary|recap|highlights)\b(?! of what\b)(?! in writing\b){_NOT_WORDS}",
        rf"(?:(?:give|show) me )?(?:an? )?(?:[\w-]+ )?[\w.]+[- ]?{_UNIT}[- ](?:long )?(?:summary|recap)\b",
        rf"(?:summari[sz]e|condense|shorten|compress) {_IT}(?: down)? (?:in|to|into) (?:[a-z]+ ){{0,2}}?[\w.]+ ?"
        rf"{_UNIT}",
    ),
    "side_by_side": (
        rf"(?:put|show|place|play|set|arrange|make|compare|view|render)\b.*\b(?:{_FILES}|it|these|comparison).*"
        r"\b(?:side[- ]by[- ]side|(?:next to|beside|below|above|under|on top of) each other|split[- ]screen)\b",
        rf"(?:make|create|give me) (?:a )?(?:side[- ]by[- ]side|split[- ]screen)\b.*\b{_FILES}",
    ),
    "concat": (
        rf"(?:join|concatenate|merge|combine|stitch|splice|append)\b.*\b{_FILES}",
        rf"put\b.*\b{_FILES}.*\b(?:together|in a row|one after (?:the|an)other|in sequence|back to back)",
    ),
    "export": (
        r"(?:export|save|write|dump|output|convert|give me|get)\b.*\b(?:as|in|to|into) (?:an? |the )?"
        r"(?:coco|csv|parquet|json|graphml|srt|vtt|webvtt|edl)\b",
        r"export (?:the |all |what )?(?:the )?(?:memory|annotations?|data|facts|detections|boxes|masks|scene graph|"
        r"shots|everything|edit decision list)\b",
    ),
    "crop": (
        rf"(?:crop|re-?frame|make|turn|convert)(?: {_IT})?(?: (?:in)?to| as)?(?: an?)?(?: {_SHAPE})+"
        r"(?: (?:video|format|clip|version|shape|aspect|ratio|picture|for (?:a |my |the )?(?:phones?|tiktok|"
        r"instagram|youtube|shorts|reels|stories|social media)))*"
        r"(?:,? (?:and )?(?:following|to follow|that follows|around|on|cent(?:er|re)d on|keeping|to keep|tracking) "
        r"(?P<what>.+))?$",
        rf"(?:crop|re-?frame)(?: {_IT})? (?:to|around|on|following|to follow) (?P<what>(?!\d).+)$",
    ),
    "slow": (
        rf"slow (?:{_IT} )?down\b|slow .+ down\b",
        rf"{_MAKE}slow[- ]?mo(?:tion)?\b|slow[- ]?motion\b",
        r"(?:play|show|show me|put|turn|render|see|watch|make)\b.*\b(?:in|into) (?:super )?slow[- ]?mo(?:tion)?\b",
        r"(?:play|make|run|show)\b.*\b(?:slower|(?:half|third|quarter)(?: of)?(?: the| its)? speed|half as fast)\b",
    ),
    "speed": (
        rf"speed (?:{_IT} )?up\b|speed .+ up\b|(?:fast[- ]forward|accelerate)\b|(?:double|triple) the speed\b",
        r"(?:play|make|run|show)\b.*\b(?:faster|(?:double|twice the|triple) speed|twice as fast|times (?:the|its) "
        r"speed|times as fast|\d[\d.]* ?x(?: speed)?)(?!\w)",
        rf"{_MAKE}time-?lapse\b",
    ),
    "cut": (
        r"(?:cut|trim|clip|chop|keep|remove|delete|drop|skip|lose|leave out|take|take out|get rid of|extract|isolate|"
        rf"save)(?: out| off| away| down)?(?: {_IT})?(?: down)?(?: to)?(?: only| just)?(?: all)?(?: of)?"
        rf"(?: the| every| any)? ?\b{_WHEN}",
        r"(?:make|create|give me|get|get me|produce|render|cut|save|export)(?: me)? (?:a|an) "
        rf"{_OTHERS}{{0,3}}?(?:clip|excerpt|cut)\b(?!'|-)",
    ),
    "hide": (
        r"(?:blur|pixelate|pixelise|pixelize|mosaic|censor|anonymi[sz]e|obscure|obfuscate|black out|hide)(?: out)?\b",
        r"make (?P<what>.+?) (?:unrecogni[sz]able|blurry|blurred)$",
        r"put a (?:blur|mosaic) (?:over|on)\b",
    ),
    "remove": (
        r"(?:remove|erase|delete|get rid of|take (?:out|away)|paint out|edit out|retouch)\b",
        r"take (?P<what>.+?) (?:out|away)$",
        r"make (?P<what>.+?) (?:disappear|vanish|invisible)$",
    ),
}
"""As planners.embedded.goal.VERBS. Where they are on a person, a pattern says all that is asked, up to its end."""

EDITS = frozenset((*EDIT_VERBS, "highlight"))
"""Verb classes of which a file comes."""
EDITS_OF_THINGS = frozenset(("hide", "remove", "highlight"))
"""Those that are done to something in the picture."""
EDITS_OF_SEVERAL = frozenset(("side_by_side", "concat"))
"""Those that are done to several videos together."""
OUT_OF = re.compile(
    rf"\s+(?:from|out of|in|of|on) (?:(?:the|this|my) {_WHICH}"
    r"(?:video|clip|picture|scene|film|footage|image|frame|recording|movie|result|summary|excerpt)s?|it)\b",
    re.IGNORECASE,
)
"""That a thing is to vanish from a picture, or to be hidden in it, says nothing of the thing."""
ASPECT = re.compile(r"\b\d{1,2}:\d{1,2}\b")
"""Width to height, in requests for another shape of picture; elsewhere it would be a time."""
QUOTED = re.compile(r"[\"“”«»„]([^\"“”«»„]+)[\"“”«»„]|(?<!\w)['‘]([^'’]+)['’](?!\w)")
MADE = re.compile(r"\b[\w-]+-[0-9a-f]{8}\.mp4\b")
"""The name of a file that an edit made, as the tools give it."""
IN_MADE = re.compile(rf"^(?:in|of|from|with) {MADE.pattern}[,:]? +", re.IGNORECASE)
"""Such a file, named before what is to be done with it."""
