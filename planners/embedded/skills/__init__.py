"""The skills of the embedded policy, one file a family."""

from planners.embedded.skill import Skill
from planners.embedded.skills.acting import ACT_SKILLS
from planners.embedded.skills.camera import CAMERA_SKILLS
from planners.embedded.skills.colour import COLOUR_SKILLS
from planners.embedded.skills.facts import FACT_SKILLS
from planners.embedded.skills.found import FOUND_SKILLS
from planners.embedded.skills.motion import MOTION_SKILLS
from planners.embedded.skills.movement import MOVEMENT_SKILLS
from planners.embedded.skills.people import PEOPLE_SKILLS
from planners.embedded.skills.same import SAME_SKILLS
from planners.embedded.skills.shots import SHOT_SKILLS
from planners.embedded.skills.sound import SOUND_SKILLS
from planners.embedded.skills.text import TEXT_SKILLS
from planners.embedded.skills.time import TIME_SKILLS
from planners.embedded.skills.unseen import UNSEEN_SKILLS

SKILLS: tuple[Skill, ...] = (
    *SHOT_SKILLS,
    *FACT_SKILLS,
    *SOUND_SKILLS,
    *TEXT_SKILLS,
    *COLOUR_SKILLS,
    *CAMERA_SKILLS,
    *MOTION_SKILLS,
    *MOVEMENT_SKILLS,
    *PEOPLE_SKILLS,
    *TIME_SKILLS,
    *SAME_SKILLS,
    *FOUND_SKILLS,
    *ACT_SKILLS,
    *UNSEEN_SKILLS,
)
