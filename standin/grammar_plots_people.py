"""Story plots about what goes on between people (see `grammar_plots`)."""

from __future__ import annotations

from standin.grammar_plots import Plot

PEOPLE_PLOTS: dict[str, Plot] = {
    "rumour": (
        (
            "People said that the {topic} in {place} could grant a wish.",
            "{time} a rumour about {a_topic} reached {name}.",
            "{role} told {name} a strange tale about the {topic}.",
        ),
        (
            "{name} did not believe it, but {he} was curious.",
            "Half the town wanted to see whether it was true.",
            "It was said that whoever touched it would hear a voice.",
        ),
        (
            "So {name} went to {place} and {deed}.",
            "{He} took {tool} and left {weather}.",
            "{He} asked {role}, who only smiled{aside}.",
        ),
        (
            "Nothing spoke, although {trouble}.",
            "{later} {he} saw that it was an ordinary thing.",
            "The truth was plain once {he} held it up to the light.",
        ),
        (
            "The {topic} had no magic, so {name} laughed and told everyone the truth.",
            "{name} kept the secret, because people needed to believe in the {topic}.",
            "From then on {name} trusted {his} own eyes more than any tale about the {topic}.",
        ),
    ),
    "stranger": (
        (
            "{time} a stranger brought {a_topic} to {place}.",
            "A stranger knocked and asked {name} to guard the {topic}.",
            "{name} met a stranger who carried nothing but {a_topic}.",
        ),
        (
            "The stranger would not say where it came from.",
            "{role} warned {name} not to trust such people.",
            "{name} offered soup and a chair by the fire.",
        ),
        (
            "At dusk {trouble}, and the stranger grew pale.",
            "Together they {deed} and talked for hours.",
            "{name} {deed} while the stranger watched{aside}.",
        ),
        (
            "By morning the guest was gone without a goodbye.",
            "{later} the stranger stood up and bowed.",
            "Then {role} recognised the stranger's face.",
        ),
        (
            "Only the {topic} stayed behind with a note that thanked {name}.",
            "The stranger left {name} the {topic} and {prize}.",
            "{name} still keeps the {topic} by the door in case the stranger returns.",
        ),
    ),
    "secret": (
        (
            "Behind a loose board {name} discovered {a_topic}.",
            "{name} kept the {topic} secret from everyone in {place}.",
            "{time} {name} opened a forgotten door and saw {a_topic}.",
        ),
        (
            "It was wrapped in cloth beside {tool}.",
            "{He} told nobody, not even {his} {kin}.",
            "A note warned that it must never be moved.",
        ),
        (
            "Night after night {he} {deed}.",
            "But secrets are heavy, and {he} grew {low}.",
            "{role} began to ask awkward questions{aside}.",
        ),
        (
            "{later} {trouble}, and the secret was nearly out.",
            "Finally {name} showed it to {role}.",
            "One day {his} {kin} followed {him} quietly.",
        ),
        (
            "Sharing the secret of the {topic} made {name} feel {mood}.",
            "Now two people guard the {topic}, and {name} is no longer alone.",
            "{name} put the {topic} back and nailed the board shut forever.",
        ),
    ),
    "mistake": (
        (
            "{name} made a terrible mistake with the {topic}.",
            "{time} {name} mixed up the {topic} with {tool}.",
            "It was only a small slip, but {name} had ruined the {topic}.",
        ),
        (
            "{role} was furious and stamped around {place}.",
            "At first {he} wanted to blame {role}.",
            "{His} cheeks burned, and {he} felt {low}.",
        ),
        (
            "Instead {he} told the truth{aside}.",
            "{He} {deed} to put things right.",
            "{name} offered to work without pay and {deed}.",
        ),
        (
            "Then everyone noticed that the mistake had done some good.",
            "{role} thought about it for a long time.",
            "{later} people started asking for the very same mistake.",
        ),
        (
            "The ruined {topic} became famous, and {name} got {prize}.",
            "{role} forgave {name} and said that even the {topic} could be replaced.",
            "{name} learned to check the {topic} twice and to own up at once.",
        ),
    ),
    "quarrel": (
        (
            "{name} and {friend} quarrelled over the {topic}.",
            "Both {name} and {friend} wanted the {topic} for themselves.",
            "{time} the {topic} came between {name} and {friend}.",
        ),
        (
            "They shouted in the middle of {place}.",
            "For weeks they did not speak a single word.",
            "{friend} threw {tool} and stormed off.",
        ),
        (
            "{name} {deed} alone and missed {his} friend.",
            "Then {trouble}, and neither could manage alone.",
            "{role} told them a tale about two foolish brothers.",
        ),
        (
            "{later} {friend} stood at the door with red eyes.",
            "{name} wrote a short letter and slid it under the door.",
            "They met by chance and both began to laugh.",
        ),
        (
            "{name} and {friend} agreed to share the {topic}, one week each.",
            "They gave the {topic} away, and {name} and {friend} were friends again.",
            "Since then the {topic} has stood between their houses, where {name} and {friend} both can see "
            "it.",
        ),
    ),
    "kindness": (
        (
            "{role} was ill and longed to see the {topic} once more.",
            "{name} noticed that {friend} had nothing but {a_topic}.",
            "{time} {name} found the {topic} shivering with an old beggar in {place}.",
        ),
        (
            "{name} had little time, yet {he} stopped.",
            "Nobody else seemed to care.",
            "{His} {kin} said that kindness costs nothing.",
        ),
        (
            "So {he} fetched {tool} and {deed}.",
            "Each morning {name} came by and {deed}.",
            "{name} shared {his} lunch and listened{aside}.",
        ),
        (
            "{later} there was some colour in those pale cheeks.",
            "The whole street heard of it and came to help.",
            "Months went by, and then {trouble} at {his} own house.",
        ),
        (
            "One kind deed with the {topic} came back to {name} as {prize}.",
            "The thanks that {name} got was the {topic} itself and a long embrace.",
            "People still speak of {name}, the {topic} and that small kindness.",
        ),
    ),
    "wish": (
        (
            "{name} wished for {a_topic} more than for anything else.",
            "Every night {name} dreamed about the {topic}.",
            "{time} {name} threw a penny in the well and wished for the {topic}.",
        ),
        (
            "{His} {kin} told {him} to be careful with wishes.",
            "All the others in {place} already had one.",
            "{He} drew it on every scrap of paper.",
        ),
        (
            "The wish came true at once, but {trouble}.",
            "{later} it stood in the middle of {place}.",
            "Instead of waiting, {he} {deed}.",
        ),
        (
            "Soon {name} had no time for friends and felt {low}.",
            "{role} asked whether {he} was really happy.",
            "After a month {he} began to see the trouble it caused{aside}.",
        ),
        (
            "So {name} gave the {topic} away and wished for nothing more.",
            "{name} made a second wish, and the {topic} vanished like smoke.",
            "Having the {topic} was good, but for {name} the wishing had been better.",
        ),
    ),
}
