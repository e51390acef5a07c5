"""Story plots about what the hero dares (see `grammar_plots`)."""

from __future__ import annotations

from standin.grammar_plots import Plot

DEED_PLOTS: dict[str, Plot] = {
    "contest": (
        (
            "{name} entered the great {topic} contest in {place}.",
            "{time} a contest was announced, and the subject was the {topic}.",
            "Everyone in town knew that {name} would try to win with the {topic}.",
        ),
        (
            "{role} had won for six years in a row.",
            "{His} rivals laughed and pointed at {tool}.",
            "The judges were strict, and {name} felt {low}.",
        ),
        (
            "{He} {deed} while the others slept.",
            "{He} {deed} and {deed2} for a whole month.",
            "On the morning itself {he} {deed}{aside}.",
        ),
        (
            "Halfway through {trouble}.",
            "Just before the end {trouble}, and the crowd gasped.",
            "{later} only two were left, {name} and {role}.",
        ),
        (
            "The judges gave {name} first place, and the {topic} earned {prize}.",
            "{name} came second, but the {topic} won {prize} all the same.",
            "With the {topic} in both hands {name} received {prize}.",
        ),
    ),
    "apprentice": (
        (
            "{role} agreed to teach {name} all about the {topic}.",
            "{name} became an apprentice in {place} to learn the secret of the {topic}.",
            "{time} {name} asked {role} for lessons with the {topic}.",
        ),
        (
            "For the first month {he} only swept the floor.",
            "The first lesson was to hold {tool} the right way.",
            "The master never smiled and rarely spoke.",
        ),
        (
            "{name} {deed} until {his} fingers were sore.",
            "Every day {he} {deed} and then {deed2}.",
            "Many times {trouble}, but {he} did not quit.",
        ),
        (
            "{later} the master fell ill, and {name} had to work alone.",
            "Then a hard task came that no one else would take.",
            "{later} the master nodded once{aside}.",
        ),
        (
            "The master handed {name} the {topic} and said there was nothing left to teach.",
            "From that day the {topic} carried the mark of {name}.",
            "{name} now teaches others, and the first lesson is always the {topic}.",
        ),
    ),
    "storm": (
        (
            "A storm was coming, and the {topic} was still outside.",
            "{time} the wind began to howl around {name} and the {topic}.",
            "{name} saw the black clouds and ran to save the {topic}.",
        ),
        (
            "{trouble_cap} before {he} could reach {place}.",
            "{role} shouted that it was too dangerous.",
            "The road to {place} was already under water.",
        ),
        (
            "{He} tied {tool} around {his} waist and pushed on.",
            "{name} {deed} {weather}.",
            "With {role} close behind, {he} {deed}.",
        ),
        (
            "A gust nearly knocked {him} flat.",
            "For one long minute everything went dark.",
            "{later} the worst of it had passed.",
        ),
        (
            "When the sky cleared, {name} and the {topic} were soaked but safe.",
            "The storm took the roof, but {name} had saved the {topic}.",
            "By morning the {topic} shone in the sun, and {name} slept beside it.",
        ),
    ),
    "journey": (
        (
            "{name} set out on a long journey to find {a_topic}.",
            "{time} {name} packed {tool} and went to look for the {topic}.",
            "The last {topic} in the country was far away, so {name} started walking.",
        ),
        (
            "The road led through {place} and beyond.",
            "On the second day {trouble}.",
            "{role} drew {him} a map on a napkin.",
        ),
        (
            "{He} {deed} and slept under the open sky.",
            "Along the way {he} {deed} to pay for food.",
            "{name} was {low}, but {he} kept walking{aside}.",
        ),
        (
            "{later} {he} reached the place that the map had promised.",
            "At the last turn {he} met {role} again.",
            "After forty days {his} shoes had no soles left.",
        ),
        (
            "The {topic} was smaller than {name} had dreamed, yet {he} was {mood}.",
            "{name} found the {topic}, but the friends made on the road mattered more.",
            "{name} touched the {topic} once, turned around and went home {mood}.",
        ),
    ),
    "wager": (
        (
            "{friend} bet that {name} could not last a day with the {topic}.",
            "{name} made a foolish wager about the {topic}.",
            "{time} {role} dared {name} to spend a night with the {topic} in {place}.",
        ),
        (
            "The stake was {tool} and a week of chores.",
            "Everyone gathered to see who would win.",
            "{name} shook hands before thinking{aside}.",
        ),
        (
            "For the first hours {he} {deed}.",
            "At three o'clock {trouble}.",
            "{He} {deed} just to stay awake.",
        ),
        (
            "{friend} watched through the window and began to worry.",
            "With one minute left {he} nearly gave in.",
            "{later} the clock struck, and the crowd cheered.",
        ),
        (
            "{name} won the wager, and {friend} never joked about the {topic} again.",
            "{name} lost the bet, but the {topic} had become a good friend.",
            "The winner was {name}, who asked only for the {topic} as a prize.",
        ),
    ),
    "festival": (
        (
            "The whole town was getting ready for the {topic} festival.",
            "{name} was chosen to carry the {topic} in the parade.",
            "{time} a festival in honour of the {topic} began in {place}.",
        ),
        (
            "{role} hung lights from every window.",
            "{name} had to bring {tool} and arrive by noon.",
            "There were drums, and children ran everywhere.",
        ),
        (
            "But an hour before the start {trouble}.",
            "{name} {deed} so that all would be ready.",
            "Behind the stage {he} {deed}.",
        ),
        (
            "The crowd waited and slowly grew quiet.",
            "{friend} came running with a spare rope.",
            "{later} the music started at exactly the right moment.",
        ),
        (
            "When the {topic} appeared, {name} heard the loudest cheer of {his} life.",
            "The festival ended with fireworks over the {topic} and {prize} for {name}.",
            "Next year the town will ask {name} to carry the {topic} again.",
        ),
    ),
    "fear": (
        (
            "{name} had always been afraid of the {topic}.",
            "Ever since {he} was little, {name} felt {low} near {a_topic}.",
            "The very thought of the {topic} made {name} shiver.",
        ),
        (
            "{He} took the long way around {place} to avoid it.",
            "{His} friends teased {him} about it.",
            "{His} {kin} said that every fear has a door.",
        ),
        (
            "{time} there was no other choice, because {trouble}.",
            "{role} offered to go along and brought {tool}.",
            "With a pounding heart {he} {deed}.",
        ),
        (
            "Step by step {he} came closer {weather}.",
            "{He} reached out one finger and held {his} breath.",
            "{later} {he} noticed that {his} hands no longer shook.",
        ),
        (
            "The {topic} was harmless, and {name} felt {mood} for the first time.",
            "Now {name} visits the {topic} every week and tells others not to fear.",
            "{name} patted the {topic} and wondered what all the fear had been for.",
        ),
    ),
}
