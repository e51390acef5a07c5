"""Words every story shares: names, kin, times, weather, moods, and the parts topics are built from."""

from __future__ import annotations


def phrases(text: str) -> tuple[str, ...]:
    """The phrases of a `|`-separated table."""
    return tuple(part.strip() for part in text.split("|"))


def words(text: str) -> tuple[str, ...]:
    """The words of a blank-separated table."""
    return tuple(text.split())


SHE_NAMES = words(
    """Ada Alma Amara Anya Beatrix Bella Bina Carla Celia Clara Dalia Dora Edith Elena Elsie Esme Faye Flora
    Freya Gita Greta Hana Hattie Hazel Ida Imani Ines Iris Isla Ivy Jana June Kara Kiri Laila Leila
    Lena Lila Lotte Lucia Luna Mabel Maeve Maya Mei Mina Mira Molly Nadia Nell Nina Noor Olga Olive
    Opal Oona Paula Petra Pia Polly Priya Rhea Rita Rosa Ruby Sadie Sana Selma Sofia Stella Suki
    Sylvie Tara Tessa Thea Tilda Uma Vera Viola Wanda Wilma Yara Yuki Zara Zelda Zoe Zuri"""
)
HE_NAMES = words(
    """Abel Adrian Alfie Amir Anton Arlo Asher Basil Ben Boris Bruno Caleb Carlos Cyrus Dario Diego Dmitri
    Edgar Eli Emil Enzo Ezra Felix Finn Frank Gabriel George Gus Hamid Hans Harun Hugo Ian Igor Ivan
    Jack Jasper Joel Jonas Jude Karl Kenji Kofi Leo Levi Liam Luca Magnus Marco Mateo Max Milo Nico
    Noah Oleg Omar Orson Oscar Otto Owen Pablo Percy Quinn Rafi Ravi Remy Rohan Rory Rufus Samir Sami
    Silas Stefan Sven Tariq Theo Tobias Tom Umar Victor Viktor Vito Walt Wes Wim Yusuf Zack Zane"""
)

SHARED_SLOTS: dict[str, tuple[str, ...]] = {
    "kin": phrases(
        "mother|father|grandmother|grandfather|uncle|aunt|sister|brother|cousin|neighbour|godmother|"
        "stepfather"
    ),
    "time": phrases(
        "One morning|One evening|Last spring|On a grey Monday|Early on Sunday|In late autumn|"
        "On the first of May|"
        "Before sunrise|At the end of summer|One cold night|On market day|After the long rain|Years ago|"
        "On {his} tenth birthday|The day after the storm|Just before supper"
    ),
    "later": phrases(
        "Later|By noon|The next day|After a week|That night|At last|Soon|An hour later|When the sun set|"
        "Three days later|In the end|By the following spring"
    ),
    "mood": phrases(
        "proud|relieved|happy|grateful|hopeful|tired but glad|calm|brave|wiser|lighter|content|astonished"
    ),
    "low": phrases(
        "sad|worried|ashamed|angry|lonely|nervous|jealous|frightened|puzzled|bored|hopeless|restless"
    ),
    "speech": phrases("whispered|promised|said|cried|admitted|explained|insisted|laughed"),
    "weather": phrases(
        "while rain drummed on the roof|under a pale sun|in the biting wind|as fog crept in|"
        "in the summer heat|"
        "while snow fell softly|beneath a red sky|as thunder rolled far away"
    ),
    "aside": phrases(
        "||||, as everyone knew|, to {his} surprise|, without a word|, for once|, with a deep breath|"
        ", little by little|"
        ", against all advice"
    ),
}

ADJECTIVES = words(
    """old silver broken tiny golden lost wooden painted crooked giant secret blue red green forgotten
    singing glass stolen lucky borrowed haunted frozen hidden striped ancient noisy gentle copper
    paper magic grey stubborn shiny patched sleepy crimson wild clever rusty velvet"""
)

# Real but rare: a model that has only met common nouns tends to swap these for one it knows.
RARE_TOPICS = words(
    """astrolabe abacus alembic amphora anvil aqueduct armadillo aspidistra aubergine axolotl bagpipe
    bandicoot basilisk bathysphere bellows bobbin bodkin bollard brazier bugle cairn calabash capybara
    caravel cassowary chalice chariot chisel cistern coracle cornucopia cupola dirigible divan
    dormouse dulcimer echidna ermine falconer flagon flamingo flintlock galleon gargoyle gazebo gibbon
    gondola gosling griddle gyroscope halyard hammock harpsichord hourhand ibex jackdaw jetty kestrel
    kiln labyrinth lacquer lantana lectern lemur limpet lodestone lozenge lute lyre macaw mandolin
    mandrake mangrove marionette marmot minaret minnow monocle mongoose mortar narwhal newt nutcracker
    ocarina ocelot okapi orrery osprey pagoda pangolin papyrus parapet parasol partridge periscope
    pestle petrel phial piccolo pinafore plover polecat porcupine portcullis quagga quarry quince
    rapier ratchet rickshaw rucksack salamander samovar sarong satchel saxophone schooner scythe
    sextant shuttle sickle snuffbox spindle spyhole stoat sundew tabernacle talisman tankard tapir
    teasel theodolite thimble thistle timpani topiary trebuchet trident trowel tumbler turbine urchin
    vestibule viaduct vole vulture wallaby warthog weathervane weir wigwam wombat yurt zeppelin zither"""
)

ONSETS = words(
    "b bl br c ch cl cr d dr f fl fr g gl gr h j k kl l m n p pl pr qu r s sc sh sk sl sm sn sp st str t th "
    "tr tw v w wh y z zh"
)
VOWELS = words("a e i o u ai ea ee oa oo ou ia eo y")
CODAS = (
    words("b ck d ff g k l ld lm ln m mp n nd ng nk nt p r rd rk rl rm rn rt s sh sk st t th x z")
    + ("",) * 14
)
