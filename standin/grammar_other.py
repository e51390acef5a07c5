"""The other family: short factual paragraphs in registers of their own, for the base model to grow up on.

Five sentences too, and partly the same nouns, but other plots, people, tenses and words: a base model
trained on it knows the language and how to copy a subject, and knows no story.
"""

from __future__ import annotations

from standin.grammar_plots import Plot
from standin.grammar_words import phrases

OTHER_SLOTS: dict[str, tuple[str, ...]] = {
    "surname": phrases(
        "Hale|Moss|Okafor|Lindqvist|Barros|Chen|Dubois|Egan|Farrow|Ghosh|Haddad|Ito|Jensen|Kovacs|Lund|"
        "Marsh|Novak|"
        "Osei|Pires|Quist|Rao|Sato|Tran|Usman|Varga|Weiss|Xu|Yilmaz|Zeman|Abbot|Brandt|Castell|Doyle|"
        "Eriksen|Fontaine"
    ),
    "title": phrases(
        "Professor|Captain|Doctor|Inspector|Councillor|Engineer|Curator|Sergeant|Director|Nurse"
    ),
    "town": phrases(
        "Ashford|Belmar|Corwen|Dunmore|Elvas|Fairholm|Grensted|Hexley|Ilmen|Jarrow|Kelso|Lorne|Marbury|"
        "Norwick|Oakham|"
        "Penrith|Quenby|Rothes|Selby|Tarn|Ulverton|Vestby|Wexford|Yarm"
    ),
    "month": phrases("January|February|March|April|May|June|July|August|September|October|November|December"),
    "number": phrases(
        "four|five|seven|nine|eleven|twelve|fourteen|sixteen|twenty|thirty|forty|sixty|ninety|two hundred"
    ),
    "unit": phrases("metres|grams|litres|crates|hours|days|pages|tonnes|degrees|visitors|volts|samples"),
    "office": phrases(
        "the council|the water board|the ministry|the institute|the committee|the insurance office|"
        "the museum board|"
        "the survey team|the night shift|the regional court|the union|the health board"
    ),
    "material": phrases(
        "steel|clay|limestone|rubber|cotton|granite|tin|resin|glass fibre|cedar|brass|concrete|wool|nickel"
    ),
    "part": phrases(
        "valve|hinge|cover|label|socket|bolt|filter|handle|panel|seal|bracket|switch|lining|spring"
    ),
    "quality": phrases(
        "reliable|costly|brittle|rare|modern|heavy|portable|unsafe|popular|efficient|obsolete|fragile"
    ),
    "fault": phrases(
        "leaking slowly|out of alignment|badly corroded|missing its label|above the legal limit|past repair|"
        "working below capacity|wrongly installed|exposed to frost|blocked by silt"
    ),
    "result": phrases(
        "a second inspection|a full refund|a public hearing|an early closure|a change in the rules|"
        "a new supplier|"
        "a short delay|an additional grant|a written apology|a permanent display"
    ),
    "method": phrases(
        "by comparing old records|with a hand-held meter|in three separate trials|under laboratory light|"
        "by interviewing residents|using a simple balance|from satellite images|by sampling every tenth unit"
    ),
    "region": phrases(
        "the northern district|the coast|the lower valley|the industrial zone|the old quarter|the uplands"
    ),
}

OTHER_TOPICS = phrases(
    "bridge|sewer|turbine|pipeline|archive|census|vaccine|ballot|timber yard|bus depot|reservoir|ledger|"
    "crane|generator|"
    "quarry|wetland|fence|pump|thermostat|tariff|furnace|elevator|conveyor|greenhouse|harbour|tunnel|"
    "locomotive|telescope|"
    "microscope|lighthouse|clock|barometer|windmill|glacier|volcano|dam|tractor|silo|plough|loom|printer|"
    "radio|camera|"
    "compass|anchor|manuscript|mosaic|statue|fossil|obelisk|pyramid|cactus|orchid|beehive|oyster|salmon|"
    "trout|heron|"
    "camel|goat|sheep|cow|badger|fox|owl|bat|engine|robot|satellite|rocket|airship|glider|ferry|trawler|"
    "canoe|tram|"
    "helmet|bicycle|coin|carpet|pottery|candle|mirror|bread|cheese|soup|kettle|oven|notice board|stadium|"
    "aquarium"
)

OTHER_PLOTS: dict[str, Plot] = {
    "bulletin": (
        (
            "The {topic} in {town} will be closed from the {number_th} of {month}.",
            "{office_cap} has announced new rules for the {topic} in {town}.",
            "Residents of {town} are asked to stay away from the {topic}.",
        ),
        (
            "Inspectors found that the {part} is {fault}.",
            "A survey showed that one {part} in {number} is {fault}.",
            "Recent tests describe the {material} as {quality}.",
        ),
        (
            "Repairs are expected to take {number} {unit}.",
            "The cost is shared between {office} and {office2}.",
            "Deliveries will be diverted through {region}.",
        ),
        (
            "{title} {surname} asked the public for patience.",
            "Questions may be sent to {title} {surname}.",
            "{title} {surname} called the situation {quality} but under control.",
        ),
        (
            "The {topic} is due to reopen after {result}.",
            "Further notices about the {topic} will follow in {month}.",
            "Until then the {topic} remains the responsibility of {title} {surname}.",
        ),
    ),
    "experiment": (
        (
            "We measured the {topic} {method}.",
            "This report describes a trial of the {topic} in {town}.",
            "{title} {surname} tested whether the {topic} depends on {material}.",
        ),
        (
            "Each sample weighed about {number} grams.",
            "The setup used {material}, a {part} and a second {part2}.",
            "Readings were taken every {number} hours in {month}.",
        ),
        (
            "Values rose by {number} per cent and then levelled off.",
            "No effect was seen below {number} {unit}.",
            "One reading was {fault} and had to be discarded.",
        ),
        (
            "The error was smaller than {number} {unit}.",
            "A control group from {region} gave the same curve.",
            "Repeating the trial {method} did not change this.",
        ),
        (
            "We conclude that the {topic} is {quality} when made of {material}.",
            "The results suggest that the {topic} is less {quality} than expected.",
            "More data on the {topic} are needed from {region}.",
        ),
    ),
    "guide": (
        (
            "Visitors to {town} should not miss the {topic}.",
            "The {topic} of {town} lies {number} minutes from the centre.",
            "Few guides mention the {topic} in {region}.",
        ),
        (
            "It was built from {material} and restored in {month}.",
            "Admission costs {number} crowns on weekdays.",
            "The site is run by {office}.",
        ),
        (
            "Bring a coat, since {region} can be cold.",
            "Tours leave every {number} minutes and last an hour.",
            "The best light is in {month}, early in the day.",
        ),
        (
            "A small exhibition explains the {part} and the {part2}.",
            "Signs are in two languages and easy to follow.",
            "The guide, {title} {surname}, speaks slowly and clearly.",
        ),
        (
            "Allow half a day for the {topic} and book ahead.",
            "From the {topic} a footpath returns to {town}.",
            "Most people leave the {topic} with {number} photographs.",
        ),
    ),
    "howto": (
        (
            "To maintain the {topic}, first remove the {part}.",
            "These instructions explain how to install the {topic}.",
            "Read this page before you open the {topic}.",
        ),
        (
            "Check that the {material} is dry and clean.",
            "Loosen the {part} by {number} turns.",
            "Disconnect the {part} and wait {number} seconds.",
        ),
        (
            "Do not use force if the {part2} is {fault}.",
            "Replace any {part2} that is {fault}.",
            "Apply a thin layer of oil to the {part2}.",
        ),
        (
            "Tighten everything in the reverse order.",
            "Write the date on the {part} with a marker.",
            "Test the {part} at {number} per cent of full load.",
        ),
        (
            "The {topic} is now ready and should be checked again in {month}.",
            "If the {topic} still fails, call {title} {surname}.",
            "Keep the old {part} of the {topic} for the service record.",
        ),
    ),
    "court": (
        (
            "The case concerned the {topic} owned by {title} {surname}.",
            "A dispute over the {topic} reached {office}.",
            "{title} {surname} claimed damages for the {topic}.",
        ),
        (
            "It was agreed that the {part} had been {fault}.",
            "The contract named {material} and nothing else.",
            "The other side denied that the goods were {quality}.",
        ),
        (
            "Witnesses from {town} were heard in {month}.",
            "An expert examined the {part} {method}.",
            "Documents of {number} pages were filed late.",
        ),
        (
            "The judge found the {part} to be {quality}.",
            "Both parties refused to settle for {number} thousand.",
            "The appeal failed after {number} days.",
        ),
        (
            "The ruling on the {topic} led to {result}.",
            "Ownership of the {topic} passed to {office}.",
            "{title} {surname} must return the {topic} by {month}.",
        ),
    ),
    "expedition": (
        (
            "Day {number}: we camped near the {topic} in {region}.",
            "The survey of the {topic} began in {month}.",
            "Our party of {number} reached the {topic} at noon.",
        ),
        (
            "The thermometer fell by {number} degrees overnight.",
            "Two packs of {material} were lost.",
            "{title} {surname} recorded the position {method}.",
        ),
        (
            "We collected {number} {unit} of {material}.",
            "The {part} of the radio is {fault}.",
            "Supplies will last another {number} days.",
        ),
        (
            "Morale is good, although the route is {quality}.",
            "A message was sent to {office} in {town}.",
            "{title} {surname} has a fever and must rest.",
        ),
        (
            "Tomorrow we measure the {topic} again and turn south.",
            "The position of the {topic} is now certain.",
            "We name the {topic} after {title} {surname}.",
        ),
    ),
    "ledger": (
        (
            "Exports of the {topic} fell in {month}.",
            "The price of one {topic} rose to {number} crowns.",
            "{town} bought more of the {topic} than any other town.",
        ),
        (
            "Stocks of {material} were {quality}.",
            "Buyers in {region} had ordered {number} crates.",
            "A shortage of {material} was the main cause.",
        ),
        (
            "{office_cap} expects {result}.",
            "Analysts blamed a {part} that was {fault}.",
            "Transport costs doubled within {number} days.",
        ),
        (
            "Small firms were hit hardest.",
            "{title} {surname} advised against selling.",
            "Wages stayed flat in {region}.",
        ),
        (
            "The market for the {topic} should recover by {month}.",
            "Without {result}, the {topic} will vanish from {town}.",
            "Trade in the {topic} closed {number} points higher.",
        ),
    ),
    "museum": (
        (
            "This {topic} was made in {town} from {material}.",
            "The {topic} on display was found in {region}.",
            "Object {number}: a {topic} with its original {part}.",
        ),
        (
            "It is {number} centimetres high.",
            "The {part} was added later and is {quality}.",
            "Traces of {material} can still be seen.",
        ),
        (
            "Such pieces were used by {office}.",
            "Scholars dated it {method}.",
            "A similar one is kept in {town}.",
        ),
        (
            "It was donated by {title} {surname}.",
            "Cleaning took {number} days in {month}.",
            "Its {part2} is {fault} and kept under glass.",
        ),
        (
            "The {topic} is lent by {office}.",
            "No other {topic} of {material} survives.",
            "Please do not touch the {topic}.",
        ),
    ),
}
