"""Story plots about what happens to the topic itself (see `grammar_plots`)."""

from __future__ import annotations

from standin.grammar_plots import Plot

THING_PLOTS: dict[str, Plot] = {
    "lost": (
        (
            "{time} {name} lost the {topic} somewhere near {place}.",
            "{name} could not find the {topic} anywhere.",
            "{time} the {topic} was gone, and {name} felt {low}.",
        ),
        (
            "{He} searched every corner of {place} and even asked {role}.",
            "{He} remembered leaving it beside {tool}, but the spot was empty.",
            "{His} {kin} only shrugged and told {him} to look again.",
        ),
        (
            "So {he} {deed} {weather}.",
            "{later} {trouble}, which made the search harder.",
            "For two days {name} {deed} and found nothing{aside}.",
        ),
        (
            "{later} {role} noticed something strange under {tool}.",
            "Then a small noise came from behind {tool}.",
            "{He} had almost given up when {he} looked beneath {tool}.",
        ),
        (
            "There lay the {topic}, and {name} was so {mood} that {he} danced.",
            "It was the {topic} at last, dusty but whole, and {name} hugged it.",
            "{name} took the lost {topic} home and never let it out of sight again.",
        ),
    ),
    "broken": (
        (
            "{time} the {topic} that {name} loved fell and broke.",
            "{name} broke the {topic} while {he} was showing it to {role}.",
            "The {topic} had been cracked since {name} was small.",
        ),
        (
            "The pieces lay scattered all over {place}.",
            "{His} {kin} said it could never be mended.",
            "{He} hid the pieces in a box and felt {low}.",
        ),
        (
            "With {tool} and much patience {he} set to work{aside}.",
            "{He} {deed} and then {deed2}.",
            "{role} lent {him} {tool} and showed {him} how to begin.",
        ),
        (
            "Once {trouble}, and {he} had to start over.",
            "It took nine evenings, and {his} hands ached.",
            "{later} only one crack was left to close.",
        ),
        (
            "When the {topic} was whole again, {name} thought the scars made it prettier.",
            "{name} mended the {topic} so well that nobody could find the crack.",
            "The repaired {topic} worked better than before, and {name} was {mood}.",
        ),
    ),
    "gift": (
        (
            "{name} wanted to give {his} {kin} {a_topic}.",
            "{time} {name} began to plan a gift, and it had to be {a_topic}.",
            "{name} had no money, yet {he} hoped to give {a_topic} to {his} {kin}.",
        ),
        (
            "The finest one stood in {place}, far too dear.",
            "{role} owned the only one for miles around.",
            "{He} counted {his} coins twice and felt {low}.",
        ),
        (
            "So {he} worked for {role} and {deed} every day.",
            "{He} offered {tool} in exchange{aside}.",
            "Each evening {he} {deed} to earn a little more.",
        ),
        (
            "{later} there was just enough in the jar.",
            "{role} saw how hard {he} tried and lowered the price.",
            "{He} wrapped it in plain paper and tied it with string.",
        ),
        (
            "When the paper came off, the {topic} made {his} {kin} weep with joy.",
            "{name} watched {his} {kin} hold the {topic} and knew it was worth every coin.",
            "The gift of the {topic} was never forgotten, and neither was {name}.",
        ),
    ),
    "heirloom": (
        (
            "{name} inherited {a_topic} from {his} {kin}.",
            "When {his} {kin} moved away, {name} was given the {topic}.",
            "In the will there was one line for {name}, and it named the {topic}.",
        ),
        (
            "It smelled of smoke and had stood in {place} for decades.",
            "Nobody could say what it was worth.",
            "{name} had hoped for money and felt {low}.",
        ),
        (
            "{He} cleaned it with {tool} and found a name inside.",
            "{He} carried it to {role}, who {deed}.",
            "One night {he} {deed} and heard something rattle.",
        ),
        (
            "Behind a panel lay a faded letter.",
            "The name belonged to a family that everyone had forgotten.",
            "{later} {role} told {him} the whole story.",
        ),
        (
            "{name} understood at last that the {topic} was worth more than money.",
            "The letter said that the {topic} must always stay with someone like {name}.",
            "Now {name} tells the story of the {topic} to every child in the family.",
        ),
    ),
    "sale": (
        (
            "{name} had to sell the {topic} to pay the rent.",
            "The family was poor, and only the {topic} was worth selling.",
            "{time} {name} carried the {topic} to {place} to sell it.",
        ),
        (
            "{role} offered a price that was almost an insult.",
            "{His} {kin} cried but said nothing.",
            "All day long nobody even looked at it.",
        ),
        (
            "{name} {deed} and waited for a better buyer.",
            "By evening {trouble}, and {he} felt {low}.",
            "{He} polished it once more with {tool}.",
        ),
        (
            "Then an old woman stopped and asked its name.",
            "{later} a child emptied a jar of pennies on the table.",
            "A rich buyer raised one hand{aside}.",
        ),
        (
            "The buyer paid double and gave the {topic} straight back to {name}.",
            "{name} sold the {topic} to someone who truly loved it.",
            "In the end {name} kept the {topic} and found other work instead.",
        ),
    ),
    "trade": (
        (
            "{name} traded {tool} for {a_topic} in {place}.",
            "{time} {role} offered {name} {a_topic} for {tool}.",
            "A bargain was struck, and {name} walked home with the {topic}.",
        ),
        (
            "{His} {kin} called it the worst deal in years.",
            "At first it seemed like a fine exchange.",
            "{role} hurried away before {name} could ask a question.",
        ),
        (
            "That very night {trouble}.",
            "{name} {deed} to see what it could do.",
            "{He} soon found a mark scratched on the underside{aside}.",
        ),
        (
            "An expert came and offered ten times the price.",
            "{later} {role} came back and begged to undo the bargain.",
            "{He} showed it to {role}, who turned quite pale.",
        ),
        (
            "{name} refused every offer and kept the {topic} for life.",
            "{name} sold the {topic} and got {prize} in return.",
            "In the end the {topic} brought {name} {prize}, so the deal was good after all.",
        ),
    ),
    "theft": (
        (
            "{time} somebody stole the {topic} from {place}.",
            "The {topic} was stolen, and {name} was blamed for it.",
            "{name} woke to the news that a thief had taken the {topic}.",
        ),
        (
            "The only clue was {tool} left on the floor.",
            "{role} had been seen nearby the night before.",
            "Nobody would speak to {name}, who felt {low}.",
        ),
        (
            "To find the thief, {name} {deed}.",
            "{He} followed the muddy footprints {weather}.",
            "{name} set a clever trap with {tool}.",
        ),
        (
            "The trail led straight to {role}.",
            "At midnight the thief crept back{aside}.",
            "{later} the thief confessed and began to cry.",
        ),
        (
            "{name} returned the {topic}, and the thief was forgiven.",
            "The {topic} went back where it belonged, and {name} was given {prize}.",
            "It turned out that the thief only wanted to see the {topic}, so {name} shared it.",
        ),
    ),
}
