"""Dialogues as data: earlier questions with their answers, a follow-up, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from planners.dialogue import Turn

TITLES = {"v1": "kitchen.mp4", "v2": "cups.mp4", "v3": "tennis.mp4"}
ONE = {"v1": "kitchen.mp4"}


def row(start_s: float, end_s: float, text: str = "", video: str = "v1") -> dict[str, Any]:
    """A piece of evidence as an answer's JSON has it."""
    words = {"text": text} if text else {}
    return {"video": video, "start_s": start_s, "end_s": end_s, **words, "tool": "t", "model": "m", "confidence": 0.9}


def turn(
    question: str, answer: str = "", *, resolved: str = "", rows: Sequence[dict[str, Any]] = (), **more: Any
) -> Turn:
    """A turn with an answer's JSON; `more`: value, option, status, confidence, alternatives."""
    said: dict[str, Any] = {"status": "answered", "answer": answer, "value": None, "option": None, "confidence": 0.8}
    said |= {"evidence": list(rows), "alternatives": [], "missing": [], "cost": {}, "trace_id": "t1"}
    return Turn(question, resolved or question, said | more)


@dataclass(frozen=True)
class Case:
    """`want` is the question that the follow-up means; None = it is left as it is."""

    turns: tuple[Turn, ...]
    asked: str
    want: str | None
    options: tuple[str, ...] = ()
    titles: dict[str, str] = field(default_factory=lambda: ONE)
    videos: tuple[str, ...] = ()


CUPS = turn("How many red cups are there?", "3 separate red things.", value=3)
CAR = turn("What colour is the car?", "The car looks red.", option="red")
LEAVES = turn("When does the woman leave the room?", "A woman is visible until 12.30 s.", value=12.3)
FRIDGE = turn("When is the fridge open?", "from 3 to 5", value=[3.0, 5.0])
CUT = turn("When is the first cut?", "The cut is at 1.40 s.", value=1.4, rows=[row(1.4, 1.4), row(3.0, 3.0)])
SIGN = turn("What is written on the sign?", "EXIT", rows=[row(1, 2, "EXIT"), row(4, 6, "NO ENTRY"), row(8, 9, "PUSH")])
HOLDS = turn("What is the woman holding?", "a spoon", option="a spoon")
MUG = turn("What is poured into the mug?", "coffee", option="coffee", rows=[row(2, 4)])
PEOPLE = turn("How many people are there?", "2 people", value=2, rows=[row(0, 20)])
MAN = turn("What is the man in the red coat doing?", "sitting", option="sitting")
DOG = turn("Does the small dog jump over the fence?", "Yes.", value=True, rows=[row(7, 8)])
LENGTH = turn("How long is the video?", "20 seconds", value=20.0)
SHOT = turn("How many people are visible in the first shot?", "1", value=1)
PLATE = turn("Where is the plate?", "at the left")
BOTH = turn("How many people are there?", "2", value=2, rows=[row(0, 20, video="v1")])

CASES: tuple[Case, ...] = (
    # pronouns and demonstratives
    Case((CAR,), "Is it moving?", "Is the car moving?"),
    Case((CAR,), "Where is it at the end?", "Where is the car at the end?"),
    Case((CUPS,), "Where are they?", "Where are the red cups?"),
    Case((CUPS,), "Do they move?", "Do the red cups move?"),
    Case((CUPS,), "What colour are those?", "What colour are the red cups?"),
    Case((HOLDS,), "What colour is it?", "What colour is the spoon?"),
    Case((HOLDS,), "Is she smiling?", "Is the woman smiling?"),
    Case((HOLDS,), "Who is standing next to her?", "Who is standing next to the woman?"),
    Case((MAN,), "Where is he at the end?", "Where is the man in the red coat at the end?"),
    Case((MUG,), "When does it begin to flow?", "When does the coffee begin to flow?"),
    Case(
        (turn("What animal is it?", option="red panda"),),
        "In which direction does it walk?",
        "In which direction does the red panda walk?",
    ),
    Case((turn("How many dogs are there?", value=1),), "What colour is it?", "What colour is the dog?"),
    Case((CAR,), "What is behind it?", "What is behind the car?"),
    Case((CAR,), "What are its wheels made of?", "What are the car's wheels made of?"),
    Case((CAR,), "Is this a toy?", "Is the car a toy?"),
    Case((CAR,), "Does that move?", "Does the car move?"),
    Case((SIGN,), "When does it appear?", 'When does the text "EXIT" appear?'),
    Case((LENGTH,), "What is its resolution?", "What is the video's resolution?"),
    Case((CAR, LENGTH), "How many frames does it have?", "How many frames does the video have?"),
    Case((CAR, PEOPLE), "Where are they?", "Where are the people?"),
    Case((CAR, PEOPLE), "Is it moving?", "Is the car moving?"),
    Case((turn("Is there a man in the kitchen?", value=True),), "What is he doing?", "What is the man doing?"),
    Case((turn("Is anybody there at the start?", value=True),), "What is he doing?", "What is the person doing?"),
    Case((PLATE,), "And what colour is it?", "What colour is the plate?"),
    Case((CAR,), "Is it the same one?", "Is the car the same one?"),
    Case(
        (turn("What colour is the shirt of the boy?", option="white"),),
        "Where is he at the end?",
        "Where is the boy at the end?",
    ),
    Case((turn("How many shots does the video have?", value=1),), "How long is it?", "How long is the video?"),
    Case((turn("Does the camera move?", value=False),), "How long is it?", "How long is the video?"),
    Case((turn("Does the camera move?", value=False),), "Does it zoom in?", "Does the camera zoom in?"),
    Case(
        (turn("How many people are visible before 11 s?", value=1, rows=[row(0, 9)]),),
        "and after that?",
        "How many people are visible after 11 s?",
    ),
    # times
    Case((LEAVES,), "What happens right after that?", "What happens right after 12.3 s?"),
    Case((LEAVES,), "What happens then?", "What happens right after 12.3 s?"),
    Case((LEAVES,), "What happens next?", "What happens right after 12.3 s?"),
    Case((LEAVES,), "And then?", "What happens right after 12.3 s?"),
    Case((LEAVES,), "Is the door open at that moment?", "Is the door open at 12.3 s?"),
    Case((LEAVES,), "How many people are visible before that?", "How many people are visible before 12.3 s?"),
    Case((FRIDGE,), "What is said during that time?", "What is said between 3 and 5 s?"),
    Case((FRIDGE,), "How many people are there then?", "How many people are there between 3 and 5 s?"),
    Case((FRIDGE,), "What happens just before this?", "What happens just before 3 s?"),
    Case((FRIDGE,), "Does the camera move after that?", "Does the camera move after 5 s?"),
    Case((FRIDGE,), "What is the man doing afterwards?", "What is the man doing after 5 s?"),
    Case((CUT,), "And after that?", "What happens after 1.4 s?"),
    Case((DOG,), "Is anybody visible at that point?", "Is anybody visible between 7 and 8 s?"),
    Case((FRIDGE,), "What happens there?", "What happens between 3 and 5 s?"),
    Case((FRIDGE,), "Then what happens?", "What happens right after 5 s?"),
    # ellipsis
    Case((CUPS,), "And the blue ones?", "How many blue cups are there?"),
    Case((CUPS,), "and green?", "How many green cups are there?"),
    Case((CUPS,), "What about the yellow cups?", "How many yellow cups are there?"),
    Case((CUPS,), "And plates?", "How many plates are there?"),
    Case((turn("How many cups are there?", value=5),), "How many of them are red?", "How many red cups are there?"),
    Case((turn("How many cups are there?", value=5),), "And how many are blue?", "How many blue cups are there?"),
    Case((SHOT,), "What about the second shot?", "How many people are visible in the second shot?"),
    Case((SHOT,), "and in the last one?", "How many people are visible in the last shot?"),
    Case((PEOPLE,), "in the last ten seconds?", "How many people are there in the last 10 seconds?"),
    Case((PEOPLE,), "And at the end?", "How many people are there at the end?"),
    Case((PEOPLE,), "after 5 seconds?", "How many people are there after 5 seconds?"),
    Case((PEOPLE,), "And on the left?", "How many people are there on the left?"),
    Case((turn("Who is on the left?", "a man"),), "and on the right?", "Who is on the right?"),
    Case((CUT,), "and the second?", "When is the second cut?"),
    Case((CUT,), "What about the last one?", "When is the last cut?"),
    Case((PLATE,), "And the cups?", "Where are the cups?"),
    Case((HOLDS,), "And the man?", "What is the man holding?"),
    Case((CAR,), "How about the bus?", "What colour is the bus?"),
    Case(
        (turn('When is the text "EXIT" visible?', value=[1.0, 2.0]),),
        'and "ENTRY"?',
        'When is the text "ENTRY" visible?',
    ),
    Case((turn("Is the car red?", value=True),), "Or blue?", "Is the car blue?"),
    Case((turn("Does the boat drift to the left?", value=True),), "or right?", "Does the boat drift to the right?"),
    Case((turn("What is on the table?", "an apple"),), "and on the floor?", "What is on the floor?"),
    Case(
        (turn("What happens in the first 5 seconds?", "x"),),
        "and between 10 and 15 seconds?",
        "What happens between 10 and 15 seconds?",
    ),
    Case(
        (turn("What colour is the shirt of the woman?", option="red"),),
        "and the man?",
        "What colour is the shirt of the man?",
    ),
    Case((turn("Does the man hold the cup?", value=True),), "And the plate?", "Does the man hold the plate?"),
    Case((LENGTH,), "And the frame rate?", "What is the frame rate of the video?"),
    Case((turn("Is there a dog?", value=True),), "And cats?", "Are there cats?"),
    Case(
        (turn("And the blue ones?", resolved="How many blue cups are there?", value=2),),
        "and the green ones?",
        "How many green cups are there?",
    ),
    Case((DOG,), "When?", "When does the small dog jump over the fence?"),
    Case((DOG,), "When does that happen?", "When does the small dog jump over the fence?"),
    Case((turn("Are there any red cups?", value=True),), "How many?", "How many red cups are there?"),
    # corrections
    Case((HOLDS,), "No, I meant the man", "What is the man holding?"),
    Case((PLATE,), "not the plate, the cup", "Where is the cup?"),
    Case((PLATE,), "Sorry, the big one.", "Where is the big plate?"),
    Case((CUPS,), "I meant the blue ones, not the red ones", "How many blue cups are there?"),
    Case((SHOT,), "no, the third shot", "How many people are visible in the third shot?"),
    Case(
        (turn("What does the man give the woman?", "a key"),),
        "not the woman but the boy",
        "What does the man give the boy?",
    ),
    # listed answers
    Case((SIGN,), "When does the last of these appear?", 'When does the text "PUSH" appear?'),
    Case((SIGN,), "What happens in the second one?", "What happens between 4 and 6 s?"),
    # videos
    Case((BOTH,), "and in the second video?", "How many people are there?", titles=TITLES, videos=("v2",)),
    Case((BOTH,), "What about tennis.mp4?", "How many people are there?", titles=TITLES, videos=("v3",)),
    Case((BOTH,), "In cups?", "How many people are there?", titles=TITLES, videos=("v2",)),
    Case(
        (BOTH,),
        "and in the other one?",
        "How many people are there?",
        titles={"v1": "a.mp4", "v2": "b.mp4"},
        videos=("v2",),
    ),
    Case((BOTH,), "What about all of them?", "How many people are there?", titles=TITLES, videos=("v1", "v2", "v3")),
    Case(
        (BOTH,),
        "Does the camera move in the last video?",
        "Does the camera move in the video?",
        titles=TITLES,
        videos=("v3",),
    ),
    # questions that stand by themselves
    Case((CAR,), "Does the ball move before it is hit?", None),
    Case((CAR,), "Is it raining?", None),
    Case((CAR,), "What animal is it?", None),
    Case((CAR,), "Is it a handheld shot?", None),
    Case((HOLDS,), "Does the man sit down after he opens the door?", None),
    Case((CUPS,), "Which of these words is shown?", None, options=("exit", "push")),
    Case((CUPS,), "Number of shots?", None),
    Case((CUPS,), "Is there a sound track?", None),
    Case((CUPS,), "How many people are there?", None),
    Case((CUPS,), "Is the man that holds the cup smiling?", None),
    Case((LEAVES,), "What happens first?", None),
    Case((LEAVES,), "Does the man sit down and then stand up?", None),
    Case((CAR,), "When it falls, does the cup break?", None),
    Case((CAR,), "Describe the video.", None),
    Case((CAR,), "What falls after it is hit?", None),
    Case((CAR,), "Do the women hold spoons in their hands?", None),
    Case((CAR,), "What does the sign say?", None),
    Case((CAR,), "Where can I see the dog?", None),
    Case((PEOPLE,), "Is she smiling?", None),
)

HELD_BACK: tuple[Case, ...] = (
    Case((turn("Where is the guitar?", "on the left"),), "Who is playing it?", "Who is playing the guitar?"),
    Case(
        (turn("How many skaters are on the ice?", value=4),),
        "Are any of them wearing helmets?",
        "Are any of the skaters wearing helmets?",
    ),
    Case(
        (turn("Which animal appears first?", option="a grey horse"),),
        "Does it carry a rider?",
        "Does the grey horse carry a rider?",
    ),
    Case(
        (turn("What does the old man pick up?", option="a newspaper"),),
        "What does he do with it?",
        "What does the old man do with the newspaper?",
    ),
    Case(
        (turn("When does the whistle blow?", value=8.5),),
        "What do the players do right after that?",
        "What do the players do right after 8.5 s?",
    ),
    Case(
        (turn("When does the whistle blow?", value=8.5),),
        "And what happens two seconds earlier?",
        "What happens at 6.5 s?",
    ),
    Case(
        (turn("When is the title visible?", value=[0.5, 4.0]),),
        "Is there music during that time?",
        "Is there music between 0.5 and 4 s?",
    ),
    Case(
        (turn("How many yellow balls are in the basket?", value=6),),
        "and how many orange ones?",
        "How many orange balls are in the basket?",
    ),
    Case((turn("Is the window open at the start?", value=False),), "And at the end?", "Is the window open at the end?"),
    Case((turn("Does the drone fly upwards?", value=True),), "and the bird?", "Does the bird fly upwards?"),
    Case(
        (turn("What is the girl in the green dress eating?", option="ice cream"),),
        "What about the boy?",
        "What is the boy eating?",
    ),
    Case(
        (turn("Where does the truck stop?", "in front of a shop"),),
        "Sorry, I meant the bus.",
        "Where does the bus stop?",
    ),
    Case(
        (turn("What is written on the door?", "PRIVATE"),),
        "No, not the door, the window.",
        "What is written on the window?",
    ),
    Case((turn("How long is the third shot?", value=2.5),), "and the fourth one?", "How long is the fourth shot?"),
    Case(
        (turn("Does anybody speak in the first minute?", value=True),),
        "What about the last 20 seconds?",
        "Does anybody speak in the last 20 seconds?",
    ),
    Case(
        (turn("How many people are dancing?", value=3, rows=[row(0, 4)]),),
        "And in tennis.mp4?",
        "How many people are dancing?",
        titles=TITLES,
        videos=("v3",),
    ),
    Case((turn("What colour is the tractor?", option="green"),), "Does the farmer wave before he drives off?", None),
    Case((turn("What colour is the tractor?", option="green"),), "Is it getting dark?", None),
    Case((turn("When does the boy fall?", value=7.0),), "Does the boy get up and then walk away?", None),
    Case((turn("Are there two dogs?", value=True),), "Which of the two dogs is bigger?", None),
)
"""Written after the rules were done; 18 of the 20 were right the first time."""

HELD_BACK_TOO: tuple[Case, ...] = (
    Case(
        (turn("What is the chef cutting?", option="an onion"),),
        "Where does she put it?",
        "Where does the chef put the onion?",
    ),
    Case((turn("Is there a bicycle?", value=True),), "Which way is it going?", "Which way is the bicycle going?"),
    Case(
        (turn("How many windows does the house have?", value=8),), "and doors?", "How many doors does the house have?"
    ),
    Case(
        (turn("What does the speaker say at the start?", "hello"),),
        "And at the end?",
        "What does the speaker say at the end?",
    ),
    Case(
        (turn("When does the applause begin?", value=30.25),),
        "How long does it last?",
        "How long does the applause last?",
    ),
    Case(
        (turn("When does the applause begin?", value=30.25),),
        "What can be seen just before that?",
        "What can be seen just before 30.25 s?",
    ),
    Case(
        (turn("Does the girl in the boat wave?", value=True),),
        "When does she do that?",
        "When does the girl in the boat wave?",
    ),
    Case(
        (turn("Which cup is the ball under?", option="the left cup"),),
        "And at 0:08?",
        "Which cup is the ball under at 8 s?",
    ),
    Case(
        (turn("Where is the blue car parked?", "on the right"),), "and the white one?", "Where is the white car parked?"
    ),
    Case(
        (turn("Are the lights on?", value=True),),
        "Are they still on after 10 s?",
        "Are the lights still on after 10 s?",
    ),
    Case(
        (turn("What number is on the jersey?", "23", rows=[row(2, 5, "23")]),),
        "When can it be read?",
        'When can the text "23" be read?',
    ),
    Case(
        (turn("How many goals are scored?", value=2),),
        "What about the other video?",
        None,
        titles={"v1": "a.mp4", "v2": "b.mp4"},
        videos=(),
    ),
    Case((turn("What is the child holding?", option="a balloon"),), "What colour?", "What colour is the balloon?"),
    Case((turn("Where do the cyclists go?", "left"),), "Do they come back?", "Do the cyclists come back?"),
    Case(
        (turn("How many red and blue flags are there?", value=5),), "only the red ones", "How many red flags are there?"
    ),
    Case(
        (turn("Is the water calm in the first scene?", value=True),),
        "and the last?",
        "Is the water calm in the last scene?",
    ),
    Case((turn("Where is the lamp?", "left"),), "Does the woman hold a lamp that she found?", None),
    Case((turn("Where is the lamp?", "left"),), "Does the cat hide behind the box when it thunders?", None),
    Case((turn("Where is the lamp?", "left"),), "Which of the players is the one that scores?", None),
    Case((turn("When does he fall?", value=3.0),), "At what time does the bell ring for the first time?", None),
)
"""A second set, written after the first was mended; 17 of the 20 were right the first time."""
