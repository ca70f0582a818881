"""Closed classes of English words that tell the parts of a question apart."""

from __future__ import annotations

from planners.embedded.words import COLOURS, GENDERED, NUMBERS, ORDINALS, PEOPLE


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BE = _words("is are was were isn't aren't wasn't weren't")
DO = _words("do does did don't doesn't didn't")
AUXILIARIES = (
    BE
    | DO
    | _words(
        "am be been being has have had hasn't haven't can could can't will would shall should may might must cannot"
    )
)
WH = _words("what which who whom whose when where why how")
PREPOSITIONS = _words(
    """in on at of to from with without into onto under over behind near beside between through by for about above
    below across along around during before after against inside outside off up down out towards toward past
    like as than until since within"""
)
CLAUSE_WORDS = _words(
    "and or but nor because while when if that which who whose whom so once before after as until since"
)
PRONOUNS = _words("i you he she it we they me him her us them his hers its their theirs my mine your yours our ours")
SOMEBODY = _words("anybody anyone somebody someone nobody")
SOMETHING = _words("anything something nothing everything")
DETERMINERS = _words(
    "the a an this that these those any some his her its their my your each every no all both another several"
)
STOPS = _words(
    """visible shown seen there here then now not never ever also too again still just only even already really
    exactly twice once together alone away back present open closed alike next afterwards later earlier else
    than please"""
)
"""Words that follow a noun phrase and are no part of it."""
MODIFIERS = _words(
    """big small large little tall short long old young new other same different main whole entire light dark
    bright pale deep upper lower top middle front left right tiny huge great good bad nice many few most bare
    empty full round square next very only single separate striped wooden plastic leftmost rightmost nearest
    biggest smallest largest tallest"""
)
"""Words that stand before a noun; colours and ordinals besides."""
VERBS = _words(
    """move go walk run drive come leave appear disappear jump swim roll slide fall rise climb fly drift travel
    turn stop start begin end stand sit lie hold carry take put pick drop throw catch hit kick push pull open
    close cut pour mix stir cook eat drink wear look see watch show say speak talk tell sing dance smile laugh
    cry wave point touch grab give get make do use play read write draw paint wash clean stay remain enter exit
    arrive approach pass cross happen occur change become contain belong hang float sink shake spin rotate swing
    bounce break burn blow bend lean kneel sleep wake work live keep let turn zoom pan tilt lift raise lower
    reach flow boil bark meow win lose score serve shoot ride park crash reverse accelerate follow chase hide
    find need want know think mean feel hear sound"""
)
PARTICIPLES = _words(
    """written made drawn held worn taken shown seen built spoken said sung broken thrown caught given hidden eaten
    driven ridden done gone put kept found sold bought"""
)
"""Irregular ones, which describe the noun before them."""
ATTRIBUTES = _words(
    """colour color colours colors number direction kind type sort way size shape brand material duration length
    height width amount sum total name make model speed pattern style position meaning"""
)
"""What is asked of a thing; no thing itself."""
VIDEO_NOUNS = _words("video videos clip clips film films movie movies recording recordings footage file files")
PLACE_NOUNS = _words(
    """picture pictures image frame frames screen end ends start beginning middle moment moments time times second
    seconds minute minutes point part half left right top bottom side corner centre center background foreground
    question answer close outset while meantime word words
    rest others remainder altogether one ones case thing things"""
)
"""Nouns of places, times and of the talk itself, which a pronoun hardly means."""
MALE = _words("man men boy boys guy guys gentleman king father son brother husband")
FEMALE = _words("woman women girl girls lady ladies queen mother daughter sister wife")
PERSONS = (
    GENDERED
    | PEOPLE
    | MALE
    | FEMALE
    | _words(
        """speaker speakers driver drivers singer singers chef chefs dancer dancers teacher teachers student students
    actor actors worker workers batter rider riders runner runners skater skaters cyclist cyclists fighter
    fighters judoka umpire referee adult adults teenager teenagers passenger passengers customer customers
    waiter waitress narrator reporter presenter"""
    )
)
PLURALS = {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "feet": "foot",
    "teeth": "tooth",
    "mice": "mouse",
    "knives": "knife",
    "leaves": "leaf",
    "shelves": "shelf",
}
"""Irregular plurals and their singulars."""
ORDER = frozenset(ORDINALS)


def is_verb(word: str) -> bool:
    """Whether a form of a common verb, or by its ending a participle."""
    return not VERBS.isdisjoint(_stems(word)) or word in PARTICIPLES or (len(word) > 5 and word.endswith("ing"))


def _stems(word: str) -> frozenset[str]:
    stems = {word}
    for ending, replacements in (("ies", "y"), ("es", " e"), ("s", " "), ("ed", " e"), ("ing", " e")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            stem = word[: -len(ending)]
            stems |= {stem + one.strip() for one in replacements}
            if len(stem) > 2 and stem[-1] == stem[-2]:
                stems.add(stem[:-1])
    return frozenset(stems)


def is_number(word: str) -> bool:
    return word.isdigit() or word in NUMBERS


def is_plural(noun: str) -> bool:
    """By its form."""
    return noun in PLURALS or (noun.endswith("s") and not noun.endswith(("ss", "us", "is")) and len(noun) > 2)


def singular(noun: str) -> str:
    """A noun's singular; the noun itself where its form shows no plural."""
    if noun in PLURALS:
        return PLURALS[noun]
    if not is_plural(noun):
        return noun
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    return noun[:-2] if noun.endswith(("sses", "xes", "ches", "shes")) else noun[:-1]


def is_modifier(word: str) -> bool:
    return word in MODIFIERS or word in COLOURS or word in ORDER
