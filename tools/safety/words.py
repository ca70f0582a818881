"""What words say: a small lexicon whose rules need several kinds of words together, at word boundaries.

One word alone is rarely enough: "bomb" is harmless, "how can I" is harmless, both together are not. Sentences that
only ask what a video shows are recognised by how they begin, and few rules hold for them. The rules know English only.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from tools.safety.gate import Category, Level

_LOOKALIKES = str.maketrans("013457@$", "oieastas")
_MIXED = re.compile(r"\b(?=\w*[a-z])[a-z@$]+[013457@$]+[a-z@$013457]+\b")
_SPELT = re.compile(r"\b(?:[a-z][ .*_-]){3,}[a-z]\b")


def plain(text: str) -> str:
    """Lower case, one space between words, and the usual disguises undone: p0rn, b.o.m.b, full-width letters."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    text = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    text = _MIXED.sub(lambda found: found[0].translate(_LOOKALIKES), text)
    text = _SPELT.sub(lambda found: re.sub(r"[^a-z]", "", found[0]), text)
    return " ".join(text.split())


_BREAK = re.compile(r"[.!?;\n]+(?:\s|$)|,? (?:and )?then |, and ")


def sentences(text: str) -> list[str]:
    """A plain text and, where it has several, its sentences: a harmless one does not excuse the next."""
    parts = [part.strip() for part in _BREAK.split(text)]
    return list(dict.fromkeys(part for part in (text, *parts) if part))


def _words(*patterns: str) -> re.Pattern[str]:
    """Any of the patterns, as whole words."""
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b")


_ASKED = re.compile(
    r"(?:please )?(?:is|are|was|were|does|do|did|has|have|had|when|who|whose|what|which|why|where"
    r"|how (?:many|much|often|long|old|far|fast|big|does|did|do)|at (?:what|which)|can (?:you see|you hear|one see)"
    r"|could (?:this|it|that)|count|list|flag|detect|describe|summari[sz]e|name the|read|show me (?:the|all"
    r"|every|how (?:he|she|they))"
    r"|explain why|find (?:the|all|every))\b"
)
"""How a sentence begins that asks what a video shows."""
_LOOKING = re.compile(
    r"(?:please )?(?:how (?:can|do) i|i (?:want|would like) to|let me|help me(?: to)?) "
    r"(?:see|watch|know|find (?:out who|out when|the (?:part|scene|moment)))\b"
)
"""How a sentence begins that only wants to look."""
_HOW = (
    r"(?:how (?:can|could|do|would|should|might) (?:i|we|one|you|somebody|someone)|how to|how i|how you|(?:best"
    r"|quickest|easiest) way to"
    r"|(?:good |best |general )?(?:ways?|place|process|method) (?:to|of|for)|what (?:steps )?(?:should"
    r"|do) i (?:need to )?(?:do|take) to|step[- ]by[- ]step|(?:instructions?|tutorials?|guides?|recipes?"
    r"|manuals?|tips|lessons?|plans?) (?:for|on|to|of)"
    r"|(?:tutorial|instruction video|guide)\b|where (?:can|could|do) i|teach (?:me|us|people|viewers|kids"
    r"|children|everyone|everybody)"
    r"|help me(?: to)?|(?:give|show|tell|send) me (?:how to|instructions?|the steps))"
)
_I_WANT = r"i (?:want|need|plan|intend|would like|have|am going) to"
_WANTED = _words(
    rf"{_I_WANT}|{_HOW}|(?:so that|so) (?:i|she|he|they) (?:can|could|sends?|pays?)|i (?:take|try|use)",
    r"which .*(?:to die|hurts? least|kill me)|without (?:getting caught|being (?:seen|caught)|anyone noticing"
    r"|anybody noticing)",
)
"""Marks of a text that wants something done, or wants to learn how it is done."""
_PROTECTIVE = re.compile(
    r"(?:please )?(?:blur|pixelate|pixelise|censor|mask|hide|anonymi[sz]e|bleep|mute|cut out|take away|skip|filter"
    r"|warn|moderate|report|remove (?:the |all |every )?(?:blood|violen\w+|nud\w+|gor[ey]|sex\w*|swear\w*"
    r"|weapons?|wounds?"
    r"|explicit|faces?))\b"
)
"""How an edit begins that takes harm away."""
_HARMLESS = re.compile(
    r"\b(?:naked (?:mole|eye|truth|tree|branch|flame|bulb)\S*|sex(?:ual)? education|paper guns?"
    r"|nude[- ](?:colou?r\w*|lipstick|shades?|tones?)|blood (?:oranges?|moon|cells?"
    r"|tests?|pressure|donat\w+|bank|sugar|vessels?|samples?|stains?)|bloody mary|(?:bath|seed|cherry|photo"
    r"|stink|glitter)"
    r"[ -]?bomb(?:s|ed|ing)?|bomb cyclone|(?:glue|nail|staple|water|nerf|toy|heat|spray|spud|massage) (?:guns?"
    r"|pistols?)"
    r"|(?:\w+ )?kill(?:er|ing)? (?:whales?|app|time|jokes?|(?:a |the )?(?:\w+ )?(?:process|lights?|engine|weeds"
    r"|noise|mood))|shot (?:glass\w*|put)|executive|(?:chicken|turkey|duck) breasts?|breast (?:cancer|milk"
    r"|stroke)|execution of (?:the )?(?:code|program"
    r"|plan|task)|black[- ]and[- ]white|stone crops?|suicid\w* (?:prevention|hotline|help\w*|awareness|memorial"
    r"|survivors?)"
    r"|hot (?:dogs?|chocolate|air|water|tubs?|springs?|weather|day|soup)|hack(?:athon|saw)\w*|life hacks?"
    r"|cock(?:pit|tail|erel"
    r"|er spaniel|atoo)s?)"
)
"""Phrases that only look harmful; they are taken out first."""

_MINOR = _words(
    r"child(?:ren)?(?:'s)?|kids?|minors?|under-?age\w*|toddlers?|bab(?:y|ies)|infants?|teens?|teenage\w*"
    r"|pre-?teens?|tweens?"
    r"|school ?(?:girl|boy)s?|(?:little|young|small) (?:girl|boy)s?|pupils?|lolis?|lolita|shota\w*|adolescents?",
    r"(?:[1-9]|1[0-7]|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
    r"|seventeen)[- ]?(?:years?|yrs?|y)?[- ]?(?:old|of age)",
    r"(?:girls?|boys?) (?:of|aged?) (?:[1-9]|1[0-7]|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen"
    r"|fourteen|fifteen"
    r"|sixteen|seventeen)",
)
_BARE = (
    r"nud(?:e|es|ity|ist)|naked|topless|bottomless|undress\w*|nipples?|genital\w*|penis(?:es)?|vaginas?|private parts"
    r"|bare (?:breasts?|chest|bottom|buttocks)|see-through|without (?:any )?(?:clothes|clothing)|unclothed"
    r"|(?:takes?|taking|strips?) off (?:h(?:er|is)|their) (?:bra|panties|underwear|clothes)"
)
_SEX = (
    r"\w*porn\w*|xxx|nsfw|hentai|erotic\w*|hardcore|sex(?:ual(?:ly|ised|ized)?)?|sex ?tapes?|orgasm\w*"
    r"|masturbat\w*|blow ?jobs?"
    r"|orgy|orgies|strip ?tease\w*|fetish\w*|bdsm|making love|molest\w*|rap(?:e|es|ed|ing|ist)|fellatio"
    r"|intercourse|milfs?|whores?|sluts?|boobs?|tits|nips|bootys?|(?:big|juicy|huge|bouncing|bare"
    r"|naked) (?:\w+ )?breasts?"
    r"|licking .{0,20}(?:off )?(?:her|his) body|buttocks|lap dance|dildos?|cleavage|twerk\w*"
)
_SEXUALISED = _words(
    rf"{_SEX}|sex(?:y|ier|iest)|sensual\w*|seductive\w*|lingerie|stockings|private parts|panties"
    r"|how hot|hottest|lustful|provocative\w*|underwear (?:is |that is )?(?:visible|showing|seen)|upskirt\w*"
    r"|touch\w* (?:him|her)self"
)
_ART = _words(
    r"statues?|sculptures?|paintings?|painted|museums?|renaissance|fresco\w*|marble|anatom\w+|medical|surg\w+"
    r"|breast-?feed\w*"
    r"|art class|life drawing"
)
_MAKE = _words(
    r"mak(?:e|es|ing)|creat\w+|generat\w+|produce|render|draw|animate|synthesi[sz]e|edit|turn|transform|convert"
    r"|change|swap|replace"
    r"|put|paste|morph|cut me|cut this|collect|add|write|fake|remove|take off|strip|undress|unblur"
)

_GORE = (
    r"gor[ey]|gory|gruesome|behead\w*|decapitat\w*|dismember\w*|disembowel\w*|mutilat\w*|severed|gouged?|snuff"
    r"|skinned alive"
    r"|(?:burn|burns|burned|burnt|burning|buried|eaten) alive|beat(?:en|ing)? to death|ston(?:es|ed"
    r"|ing) .{0,30}to death|guts spill\w*"
    r"|brains? (?:splatter\w*|matter)|entrails|intestines|massacr\w*|head is cut off|cut(?:s|ting)? off (?:his"
    r"|her|their|a) head"
    r"|blood (?:and gore|everywhere|all over|(?:spray|splatter|splash|gush|pour|drip|ooz|stream|spurt|spill"
    r"|pool)\w*)|blood(?:bath|-?soaked|ied)|bloody"
    r"|(?:covered|drenched|soaked) in blood|pools? of blood|bleed(?:s|ing) (?:out|to death|heavily)|dead bodies"
    r"|rotting (?:corpse|flesh|body)\w*|carnage"
    r"|(?:pierc|impal)\w+ (?:through )?(?:the |his |her )?(?:\w+'s )?(?:eyes?|skull|head|chest)"
    r"|chopp?\w* up (?:a|the|his|her) (?:corpse|body)|(?:throats?|wrists?) (?:is |are |being )?(?:slit|cut)"
    r"|slit\w* (?:his|her|a|the) throat"
)
_CRUEL = _words(
    r"tortur\w*|execut(?:ed|es|ing|ion)|slaughter\w*|strangl\w*|impal\w*|stab(?:s|bed|bing)?|hanging|lynch\w*|maim\w*"
)
_SUFFERING = _words(
    r"blood\w*|scream\w*|victims?|prisoners?|hostages?|close-?up|realistic|graphic|detail\w*|alive|fire|to death"
    r"|fingers|corpses?"
    r"|cats?|dogs?|kitten|pupp(?:y|ies)|shot to the head"
)

_GROUP = _words(
    r"jews?|jewish|muslims?|islam|christians?|hindus?|blacks|black (?:people|men|women|politicians?|man|woman)"
    r"|africans|asians|arabs?"
    r"|mexicans|latinos|gays|gay people|lesbians|homosexuals|queers?|trans(?:gender)? (?:people|women|men)"
    r"|immigrants|migrants|refugees"
    r"|foreigners|gypsies|roma|disabled(?: people)?|women|native americans|white people|minorities"
    r"|elderly people|homeless(?: people)?|indigenous people|buddhists?|asian people|men (?:make|should)"
)
_DEGRADED = _words(
    r"vermin|sub-?human\w*|inferior|parasites?|cockroach\w*|rats|(?:a|the) plague|apes?|monkeys|not human"
    r"|less than human|filthy|scum"
    r"|exterminat\w*|gassed|eradicat\w*|wiped out|to attack|slaves by nature|useless eaters"
    r"|should (?:all )?(?:die|be (?:shot|killed))"
    r"|deserve to die|as a racist joke|disgusting|destroying (?:us|our \w+)|calls? for (?:killing|the killing"
    r"|the murder)|kill all"
)
_HATEFUL = _words(
    r"white (?:power|supremac\w+|pride)|racial purity|master race|heil hitler|sieg heil|ethnic cleansing"
    r"|(?:ku klux klan|kkk|nazis?|hitler|ss)\b.{0,40}\b(?:hero\w*|glor\w+|honou?r|great|propaganda|recruit\w*|cleanse)"
    r"|(?:hero\w*|glor\w+|propaganda|recruit\w*)\b.{0,40}\b(?:ku klux klan|kkk|nazis?|hitler)",
    r"holocaust\b.{0,30}\b(?:hoax|lie|fake|never happened|myth)|racist (?:jokes?|song|cartoon|meme)",
    r"nigg(?:er|a)s?|fagg?ots?|kikes?|spics?|trann(?:y|ies)|ragheads?|wetbacks?",
)

_SELF = _words(
    r"suicid\w*|self[- ]harm\w*|(?:kill|hang|hurt|cut|harm|drown|starve|chok|poison|burn)\w* (?:myself|yourself"
    r"|himself|herself"
    r"|themsel\w+|oneself)|(?:end|take|ends|takes) (?:my|his|her|their|your|it)(?: own)? (?:life|lives|all)"
    r"|(?:cuts?|slits?|slash\w*) (?:my|his|her|their|your) wrists?|razor cuts|pro-?ana|thinspo\w*|noose|to die"
    r"|anorexi\w*|bulimi\w*|starv(?:e|ing) yourself|overdos\w*"
)
_FIRST = _words(r"i|my|me|myself|i'm|i've")

_PRIVATE_FACT = _words(
    r"(?:what is|what's|what are|is|where can i find) (?:my|this"
    r"|that) (?!own\b)\S+(?: \S+)?(?:'s)? .{0,20}(?:iphone pin|pin\b|password|passport number"
    r"|private e-?mail|medical records?|criminal (?:history|record)|tax records|sexual orientation"
    r"|religious beliefs|political (?:affiliation|views)"
    r"|member of a (?:labou?r )?union|credit card)",
    r"where can i find (?:other people's|celebrit\w+'?|my \S+(?: \S+)?'s) .{0,20}(?:credit card|medical records"
    r"|tax records|photos|address\w*)",
)
_DENIED = _words(
    r"(?:why (?:should|is it)|reasons why|explain why|why it is) .{0,80}(?:not be (?:allowed|given)"
    r"|not have (?:equal|access|rights|the right)"
    r"|earn less|extra (?:security|checks)|make (?:all )?(?:major |the )?(?:political )?decisions|inferior"
    r"|overrepresented)",
)
_GLORIFIED = _words(
    r"(?:benefits|success|succes|good thing|justified|right to|replicate|recreate|methods?"
    r"|like under) .{0,60}(?:ethnic cleansing|khmer rouge"
    r"|auschwitz|9/11|hitler|isis|slave trade|genocide|taliban|holocaust|concentration camps?|assassination)",
    r"(?:hitler|isis|slave trade|genocide|holocaust|nazis|ethnic cleansing) .{0,40}(?:right to|justified"
    r"|a good thing|benefits)",
)
_THING = (
    r"(?:(?:pipe|nail|car|dirty|petrol) )?bombs?|explosives?|ieds?|molotov\w*(?: cocktails?)?|grenades?|napalm"
    r"|nerve (?:gas|agents?)|sarin"
    r"|ricin|anthrax|silencers?|guns?|firearms?|pistols?|rifles?|ammunition|detonators?|land ?mines?|poison"
    r"|(?:crystal )?meth\w*"
    r"|cocaine|heroin|fentanyl|lsd|mdma|drugs|counterfeit \w+|fake (?:id|passports?|money|banknotes)"
)
_GET = (
    r"(?:mak(?:e|ing)|build(?:ing)?|cook(?:ing)?|produc(?:e|ing)|synthesi[sz]\w+|assembl\w+|construct\w*"
    r"|(?:3d-)?print(?:ing)?|buy|get(?! to)|order|turn)"
)
_HARM = (
    r"(?:kill|murder|strangl|chok|slay|snip|stab|punch|smash|crush|hammer|shatter|break|crack|behead|butcher"
    r"|slaughter|assault|attack|poison"
    r"|eliminat|terminat|liquidat|exterminat|assassinat|kidnap|abduct|captur|hunt|tortur|rap|drown|beat|hurt"
    r"|injur|harm|maim|decimat|tackl)(?:e|ing|ting|ning)?"
)
_PERSON = (
    r"some(?:one|body)(?:'s)?|people|persons?|humans?|humanity|man|men|woman|women|girls?|boys?|child(?:ren)?"
    r"|kids?|bab(?:y|ies)|toddlers?"
    r"|cops?|police(?:men)?|politicians?|president|ex(?:'s)?|boss|girlfriend|boyfriend|wife|husband"
    r"|neighbou?r\S*|date|colleague|guy|him|her"
    r"|them|classmates?|teachers?|dog|cat"
)
_ACT = (
    r"rob(?:bing)?|burgle|break(?:ing)? in(?:to)?|hot-?wire|pick (?:a|the|this|that) lock|steal(?:ing)?|shoplift"
    r"|launder(?:ing)?"
    r"|smuggl(?:e|ing)|hack(?:ing)?|phish\w*|blackmail|kidnap|murder|scam|forge|sneak (?:past|in|out)|(?:get"
    r"|sneak) .{1,30}past the guards?"
    r"|(?:get|take|bring|smuggle) .{1,30}through .{0,15}(?:security|customs)|disable .{0,15}(?:alarm|cameras?)"
    r"|(?:hide|get rid of|dispose of) (?:a|the|his|her) body|copy .{0,10}(?:credit card|key|passport|banknotes?)"
    r"|hire a hit ?man"
    r"|(?:(?:commit|plan|carry out|organi[sz]e|set up|get away with)(?:ting|ning)?|(?:plan and"
    r"|commit and) \w+) .{0,25}(?:murder|assault|kidnapping|massacre|genocide"
    r"|treason|explosion|attack|trafficking|arson|robbery|fraud|terror\w*|some(?:one|body)'s death|death of)"
    rf"|(?:best )?{_HARM} (?:up |down |out |open )?(?:(?:a|an|the|my|some|that|this|all|other|local"
    rf"|most) ){{0,2}}(?:\w+ )?(?:{_PERSON})"
    r"|(?:hurt|kill|drug|rape|follow) (?:my|this|that) \S+|(?:expl\w+|set\w* off|plant\w*) a bomb"
    r"|sell\w* (?:drugs|mari[jh]uana|weed|cocaine|heroin|pills)"
    r"|destroy .{0,15}(?:car|house|life)|slash .{0,15}tires|wipe out (?:a |the |all )?(?:village|town|humanity"
    r"|population|people)"
    r"|(?:find|see|get|read) .{0,20}(?:other people's|celebrit\w+'?|my \S+(?: \S+)?'s) .{0,30}(?:login|password"
    r"|pin|records|details|passport|messages)"
)
_FICTION = _words(
    r"for (?:a|the|my) (?:tv show|film|movie|play|novel|story|game)|in (?:a|the|this|my) (?:game|novel|film"
    r"|movie|play|scene|story|match|chess)"
    r"|in (?:minecraft|chess|fortnite|gta\S*|call of duty|the sims)|(?:murder of crows|stealing the show"
    r"|steal the show|python process)"
)
_CRIME = _words(
    rf"{_HOW}.{{0,50}}\b{_GET}\b.{{0,50}}\b(?:{_THING})",
    rf"{_HOW}.{{0,50}}\b(?:{_ACT})",
    rf"{_I_WANT} (?:\w+ )?(?:{_ACT})",
    rf"so (?:that )?i can (?:\w+ )?(?:{_ACT})",
    rf"{_I_WANT} (?:\w+ )?{_GET}\b.{{0,30}}\b(?:{_THING})",
)

_PUBLIC = (
    r"(?:the |a |our )?(?:prime minister|president|pope|chancellor|mayor|senator|minister|politician|celebrity"
    r"|famous (?:actress|actor|singer))"
)
_KNOWN = (
    r"my (?:ex\S*|boss|teacher|colleague\S*|neighbou?r\S*|classmate\S*|wife|husband|friend\S*|sister|professor"
    r"|flatmate)"
)
_FAKED = _words(
    r"deep ?fak(?:e|es|ed|ing)|nudif\w+|fac(?:e|ial)[- ]?swaps?|(?:clone|cloning|imitate|copy|fake) (?:his|her"
    r"|the|their|my \S+) voice",
    rf"mak(?:e|ing) (?:it look (?:as if|like|as though) )?(?:he|she|they|him|her|them|{_PUBLIC}|{_KNOWN}) .{{0,20}}"
    r"(?:say|says|confess\w*|admit\w*|naked|nude|steals?|lies|drunk|guilty|stupid)",
    r"fake (?:a |an )?(?:\w+ )?(?:video|news|interview|statement|speech|confession|message|clip|call)\b.*",
    r"(?:remove|take off|strip|take away) (?:her|his|their|the \w+'s) (?:clothes|clothing|dress|bikini|bra"
    r"|underwear|shirt|swimsuit)"
    r"(?! (?:stain|logo|print|pattern))",
    r"undress (?:her|him|them|the|this|that|my)\b.*",
    rf"(?:face|head) (?:of|by that of|with that of) (?:a real |the real )?(?:{_PUBLIC}|{_KNOWN}|real \w+)",
    rf"{_KNOWN}'?s? (?:face|head) (?:on|onto|into)",
    r"(?:nude|naked) (?:version|picture|photo|image) of (?:the|this|that|my|her|him)\b.*",
)
_LYING = _words(
    rf"{_PUBLIC} .{{0,60}}(?:saying|says|announc\w+|admit\w*|confess\w*|supports?|(?:taking|takes) a bribe"
    rf"|declar\w+|drunk|{_BARE}|{_SEX})",
    rf"{_KNOWN} .{{0,60}}(?:confess\w*|drunk|steal\w*|{_BARE}|{_SEX})",
)
_OWN = _words(r"my own (?:face|voice|body)|of myself|faces of (?:the )?(?:two )?(?:cartoon|puppets?|robots?)\b.*")

_SOMEONE = (
    r"(?:this|that|the) (?:\w+ )?(?:woman|man|girl|boy|person|stranger|guy|lady|singer|driver|neighbou?r|couple"
    r"|witness)"
)
_FIND_OUT = (
    r"(?:find(?: out)?|figure out|work out|tell me|identify|reveal|look up|deduce|infer|get(?: me)?|give me"
    r"|search|what is|what's|use)"
)
_SPIED = _words(
    rf"{_FIND_OUT}.{{0,50}}\b(?:where|in which \w+(?: \w+)?|which \w+) (?:she|he|they"
    rf"|{_SOMEONE}).{{0,30}}(?:lives?|works?|sleeps?|parks?|goes to|stays?)",
    rf"{_FIND_OUT}.{{0,40}}\b(?:home |private |e-?mail )?(?:address|phone number|real name|full name|identity"
    rf"|employer) of {_SOMEONE}",
    rf"{_FIND_OUT}.{{0,40}}\b(?:her|his|their|{_SOMEONE}'s) (?:home |private )?(?:address|phone number|real name"
    rf"|full name|identity|employer"
    r"|instagram|facebook|profile|social media|school)\b.*",
    r"(?:instagram|facebook|tiktok|linkedin) (?:profile|account)\b.{0,30}\bby (?:her|his|their) face",
    rf"(?:stalk|spy(?:ing)? on) (?:her|him|them|my|{_SOMEONE})\b.*|dox\w*",
    r"(?:follow|track|watch|locate|monitor|film)\b.{0,60}\bwithout (?:her|his|their) (?:noticing|knowing"
    r"|knowledge|consent)",
    rf"(?:follow|track|locate|monitor|spy on) {_KNOWN}|(?:follow|track|locate|monitor) my (?:girl|boy)friend",
    r"secretly (?:watch|film|follow|record|photograph)\w* (?:my|her|him|a woman|women|people|the neighbou?rs?"
    r"|girls)\b.*",
    r"hidden camera\b.{0,40}\b(?:shower|bathroom|bedroom|toilet|changing room)",
    r"so that i can (?:wait for|follow|visit|meet|surprise|report) (?:her|him|them)",
    r"(?:homes|(?:home|private) address(?:es)?(?: and phone numbers?)?) of (?:all|every|my|this|that|the|a)\b.*",
)


@dataclass(frozen=True)
class _Rule:
    """Fires when every pattern is found and `unless` is not."""

    category: Category
    needs: tuple[re.Pattern[str], ...]
    when: Literal["always", "wanted", "made"]
    """always; wanted: not where somebody merely asks what a video shows; made: only in prompts."""
    unless: re.Pattern[str] | None = None

    def fires(self, text: str) -> bool:
        if self.unless is not None and self.unless.search(text):
            return False
        return all(pattern.search(text) for pattern in self.needs)


_RULES = (
    _Rule("minors", (_MINOR, _SEXUALISED), "always"),
    _Rule("minors", (_MINOR, _words(_BARE)), "made"),
    _Rule("minors", (_words(r"lolis?|lolicon|shotacon"),), "made"),
    _Rule("self_harm", (_SELF, _FIRST, _WANTED), "always"),
    _Rule("self_harm", (_SELF, _FIRST), "wanted"),
    _Rule("self_harm", (_SELF,), "made"),
    _Rule("likeness", (_FAKED,), "wanted", unless=_OWN),
    _Rule("likeness", (_LYING,), "made", unless=_OWN),
    _Rule("stalking", (_SPIED,), "always", unless=_words("moments?|scenes?|(?:says|tells) (?:us )?where")),
    _Rule("sexual", (_words(_SEX),), "made"),
    _Rule("sexual", (_words(_BARE),), "made", unless=_ART),
    _Rule("sexual", (_words(_SEX, "naked", "nude", "topless"), _MAKE), "wanted", unless=_ART),
    _Rule("hate", (_HATEFUL,), "wanted"),
    _Rule("hate", (_GROUP, _DEGRADED), "wanted"),
    _Rule("violence", (_words(_GORE),), "made"),
    _Rule("violence", (_CRUEL, _SUFFERING), "made"),
    _Rule("violence", (_words(_GORE, r"tortur\w*"), _MAKE), "wanted"),
    _Rule("stalking", (_PRIVATE_FACT,), "always"),
    _Rule("hate", (_GROUP, _DENIED), "always", unless=_words("film|video|scene|clip|according to")),
    _Rule("hate", (_GLORIFIED,), "always", unless=_words("film|video|scene|clip|documentary|according to")),
    _Rule("minors", (_words(r"(?:satisfy|my) pedophil\w*"),), "always"),
    _Rule("crime", (_CRIME,), "always", unless=_FICTION),
)
"""First match wins: the gravest and the most exact come first."""


def is_asked(text: str) -> bool:
    """Whether a plain text merely asks what a video shows, or wants harm taken away."""
    if _PROTECTIVE.match(text) or _LOOKING.match(text):
        return True
    return bool(_ASKED.match(text)) and not _WANTED.search(text)


def without_idioms(text: str) -> str:
    """A plain text without the phrases that only look harmful."""
    return _HARMLESS.sub(" ", text)


def judge_words(text: str, level: Level) -> Category:
    """The category that the words of a plain text belong to; "" where no rule fires."""
    if _PROTECTIVE.match(text):
        return ""
    text = without_idioms(text)
    asked = level == "analysis" and is_asked(text)
    for rule in _RULES:
        if (rule.when == "made" and level != "generation") or (rule.when == "wanted" and asked):
            continue
        if rule.fires(text):
            return rule.category
    return ""
