"""What the stories are about: topic nouns in categories, each with the phrases that belong to its world.

A category decides places, roles, tools, deeds and troubles, so text about one topic repeats itself and text
about many topics does not: this is what makes "number of topics" a real diversity control for the stand-in.
"""

from __future__ import annotations

from dataclasses import dataclass

from standin.grammar_words import phrases, words


@dataclass(frozen=True)
class Category:
    """One world of topics. Deeds are past-tense verb phrases without a subject; troubles are clauses."""

    name: str
    topics: tuple[str, ...]
    places: tuple[str, ...]
    roles: tuple[str, ...]
    tools: tuple[str, ...]
    deeds: tuple[str, ...]
    troubles: tuple[str, ...]
    prizes: tuple[str, ...]


def category(name: str, topics: str, *fields: str) -> Category:
    """A category from its tables: topics are blank-separated, the six phrase fields `|`-separated."""
    places, roles, tools, deeds, troubles, prizes = (phrases(field) for field in fields)
    return Category(name, words(topics), places, roles, tools, deeds, troubles, prizes)


CATEGORIES: tuple[Category, ...] = (
    category(
        "music",
        "violin flute drum trumpet piano banjo cello harp tambourine accordion melody choir organ ukulele "
        "fiddle "
        "oboe lullaby waltz xylophone clarinet",
        "the concert hall|a band room above the bakery|the village bandstand|a quiet rehearsal room",
        "a young musician|a street fiddler|the choir master|a retired conductor",
        "a tuning fork|a bundle of sheet music|a tin of rosin|a wooden metronome",
        "tuned every string before dawn|practised the hard bars again|hummed the missing notes|"
        "played until the candles died",
        "the strings snapped one by one|the high notes came out sour|the audience fell silent|"
        "the rhythm fell apart",
        "a standing ovation|a seat in the orchestra|a new song|a round of applause",
    ),
    category(
        "sea",
        "lighthouse anchor sailboat harbour whale seashell compass lobster pearl mermaid raft pier seagull "
        "oyster "
        "dolphin shipwreck tide starfish ferry trawler",
        "the rocky harbour|a fishing village by the bay|the end of the long pier|a salty little cove",
        "a fisherman|the harbour pilot|a deckhand|a lighthouse keeper",
        "a coil of tarred rope|a brass spyglass|a patched net|a barrel of pitch",
        "rowed beyond the breakwater|hauled the nets in by hand|followed the gulls to open water|"
        "signalled with a lamp",
        "the waves rose over the deck|a thick fog rolled in|the hull sprang a leak|"
        "the current pulled them off course",
        "a hold full of silver fish|safe water behind the reef|a captain's handshake|a chart of the islands",
    ),
    category(
        "garden",
        "rose tulip sunflower greenhouse hedge orchid beehive pumpkin seedling fountain scarecrow ivy "
        "orchard daisy "
        "wheelbarrow lavender trellis cactus marigold bonsai",
        "a walled garden|the allotment behind the church|a sunny greenhouse|the old orchard",
        "a patient gardener|the flower seller|a botanist|the groundskeeper",
        "a rusty trowel|a watering can|a sack of compost|a pair of shears",
        "dug the stony soil over|watered the roots at sunset|pulled weeds until noon|"
        "pruned the dead branches",
        "beetles ate the leaves|a late frost blackened the buds|the well ran dry|weeds choked the beds",
        "a ribbon from the flower show|a basket of ripe plums|the first blossom of spring|a cutting to share",
    ),
    category(
        "kitchen",
        "soup pie teapot cake oven pancake bread recipe dumpling jam noodle kettle pudding biscuit omelette "
        "cheese "
        "stew cookbook waffle pepper",
        "a crowded kitchen|the bakery on Mill Street|a tiny noodle shop|the palace kitchen",
        "a hungry baker|the head cook|a kitchen maid|a famous chef",
        "a wooden spoon|a bag of flour|a copper pan|a jar of honey",
        "kneaded the dough twice|tasted every pot|stirred slowly over a low flame|added a pinch of ginger",
        "the sauce burned black|the sugar ran out|smoke filled the room|the milk had turned sour",
        "an empty plate and a smile|a line of happy guests|a gold medal from the mayor|the last sweet slice",
    ),
    category(
        "clocks",
        "clock watch pendulum gear robot sundial hourglass typewriter gramophone automaton calculator camera "
        "telegraph radio engine barometer projector printer carousel alarm",
        "a clockmaker's shop|the tower above the square|a cluttered workshop|the basement of the museum",
        "a watchmaker|an inventor|the repair man|a careful engineer",
        "a tiny screwdriver|a jar of springs|a magnifying glass|a can of oil",
        "took every wheel apart|oiled the stiff hinges|wound the mainspring gently|"
        "drew a plan on brown paper",
        "a cog slipped loose|sparks flew from the case|the hands ran backwards|one small screw was missing",
        "a patent with a red seal|the steady sound of ticking|a curious crowd|a purse from the guild",
    ),
    category(
        "sky",
        "kite balloon cloud rainbow comet telescope moon glider airship thunderstorm satellite star "
        "parachute "
        "eclipse rocket meteor biplane windmill propeller feather",
        "a windy hilltop|the flat roof of the school|a wide green airfield|the old observatory",
        "an amateur pilot|a stargazer|the weather woman|a balloonist",
        "a long cord|a notebook of sky charts|a pair of goggles|a silk scarf",
        "waited for the right wind|climbed above the rooftops|counted seconds under the stars|"
        "leaned into the gusts",
        "lightning split the clouds|the wind dropped without warning|the cord tangled in a tree|"
        "rain soaked the canvas",
        "a view of three counties|a name in the star catalogue|a gentle landing|a badge with silver wings",
    ),
    category(
        "school",
        "pencil blackboard homework globe notebook spelling backpack microscope diploma dictionary essay "
        "chalk "
        "textbook exam riddle puzzle ruler alphabet eraser lesson",
        "a noisy classroom|the science room|the empty playground|a village school",
        "a shy pupil|the new teacher|a strict headmistress|a clever student",
        "a box of chalk|a borrowed ruler|a stack of notes|a broken crayon",
        "studied past midnight|raised a trembling hand|copied the page neatly|asked one good question",
        "the bell rang too early|ink spilled over the answers|everyone laughed at the back|"
        "the page was torn out",
        "a gold star|top marks in the class|a warm word from the teacher|a place on the honour board",
    ),
    category(
        "market",
        "coin basket carpet lemon spice melon bargain purse necklace pottery stall silk umbrella hat "
        "perfume ring "
        "bracelet mirror vase candle",
        "the Saturday market|a busy bazaar|the corner stall|a narrow street of shops",
        "a stallholder|a travelling merchant|an old customer|a silk trader",
        "a brass scale|a leather pouch|a striped awning|a ledger of debts",
        "haggled for an hour|counted the coins twice|called out the price|wrapped it in yellow paper",
        "a thief slipped through the crowd|the buyers walked away|the price doubled overnight|"
        "a cart knocked the stall down",
        "a fair price|a pocket full of silver|a loyal customer|a free bag of dates",
    ),
    category(
        "forest",
        "fox owl acorn mushroom badger oak squirrel hedgehog cabin campfire trail wolf woodpecker moss stag "
        "treehouse "
        "fern bear lynx burrow",
        "a dark pine forest|the edge of the wood|a mossy clearing|a cabin among the birches",
        "a ranger|a charcoal burner|the woodcutter|a lost hiker",
        "a hatchet|a bent lantern|a whistle carved from elm|a bundle of dry twigs",
        "followed small tracks through the ferns|slept beneath a fallen trunk|marked the trees with chalk|"
        "listened for a twig to snap",
        "branches blocked the path|something growled in the dark|the trail vanished in the leaves|"
        "smoke rose over the pines",
        "a safe way home|a hidden spring|a friend with soft fur|a pocket of wild berries",
    ),
    category(
        "mountain",
        "summit glacier goat avalanche cave eagle waterfall valley volcano boulder crystal yak ridge tunnel "
        "mine "
        "canyon peak echo bridge monastery",
        "a steep mountain pass|the high camp|a stone hut near the snow line|the mouth of a cave",
        "a mountain guide|a tired climber|the hermit|a young shepherd",
        "an ice axe|a frayed rope|a flask of hot tea|a folded map",
        "climbed the last wall on hands and knees|tested each step with a stick|shouted across the gorge|"
        "camped on a narrow ledge",
        "loose stones crashed down|the air grew thin|clouds hid the way|the rope began to slip",
        "a flag on the top|a view of the whole range|a warm fire in the hut|a handful of blue stones",
    ),
    category(
        "river",
        "canoe otter dam ferryman trout heron paddle frog lily watermill salmon beaver duck swan reed "
        "riverbank "
        "flood kingfisher turtle houseboat",
        "a muddy riverbank|the ferry landing|a slow green river|the mill pond",
        "a boatman|the miller|an angler|a river guide",
        "a long pole|a hazel rod|a pair of oars|a bucket of worms",
        "drifted past the willows|waded in up to the waist|cast the line again|steered between the rocks",
        "the water rose in the night|the paddle floated away|the bank gave way|rapids roared around the bend",
        "a calm pool|a supper of fried fish|dry land at last|a ride to the sea",
    ),
    category(
        "railway",
        "train ticket locomotive station whistle suitcase signal passenger wagon timetable platform tram "
        "conductor "
        "sleeper coal track porter caboose railcar junction",
        "the crowded station|a country platform|the night express|the signal box",
        "a train driver|the ticket inspector|a weary traveller|the stationmaster",
        "a red flag|a heavy trunk|a shovel of coal|a paper ticket",
        "ran along the platform|pulled the brake hard|checked every carriage|waited under the big clock",
        "the wheels screeched to a stop|the timetable was wrong|snow covered the rails|"
        "the last carriage came loose",
        "a window seat|an on-time arrival|a silver whistle|a first-class breakfast",
    ),
)
