"""The second half of the story categories (see `grammar_topics`)."""

from __future__ import annotations

from standin.grammar_topics import CATEGORIES as FIRST_CATEGORIES
from standin.grammar_topics import Category, category

MORE_CATEGORIES: tuple[Category, ...] = (
    category(
        "circus",
        "clown acrobat trapeze juggler elephant unicycle magician tent puppet stilts tightrope lion costume "
        "mask "
        "confetti popcorn ringmaster monkey parrot cannon",
        "the big striped tent|a fairground at dusk|the ring of sawdust|a painted caravan",
        "a nervous acrobat|the ringmaster|a sad clown|a knife thrower",
        "a hoop of fire|a bag of sequins|a rubber nose|a velvet cape",
        "rehearsed the fall a hundred times|swung high above the net|bowed to the front row|"
        "painted a brighter smile",
        "the net was badly tied|the lights went out|the crowd began to boo|the lion refused to jump",
        "a shower of flowers|a poster with a new name|the loudest laugh of the night|"
        "a contract for the summer",
    ),
    category(
        "library",
        "book manuscript bookshelf novel atlas diary poem librarian scroll bookmark encyclopedia fable "
        "index legend "
        "map newspaper quill parchment stamp archive",
        "a dusty library|the reading room|the attic full of papers|a small bookshop",
        "a quiet librarian|a young poet|the archivist|a bookbinder",
        "a reading lamp|a pot of glue|a rolling ladder|a slip of paper",
        "read until the words blurred|searched the lowest shelf|copied the faded lines|"
        "whispered the last page aloud",
        "mice chewed the corners|two pages were stuck together|rain dripped on the shelf|"
        "the ending was missing",
        "a library card for life|a letter from the author|a secret between two readers|"
        "a prize for the best tale",
    ),
    category(
        "farm",
        "tractor barn rooster cow plough goose donkey haystack sheep harvest pig egg mule fence silo calf "
        "turnip "
        "cornfield pony duckling",
        "a hillside farm|the red barn|a field of barley|the muddy yard",
        "a stubborn farmer|the milkmaid|a farmhand|the vet",
        "a pitchfork|a bale of straw|a bucket of oats|a length of wire",
        "rose before the rooster|mended the gate with twine|chased the herd from the road|"
        "stacked hay until dark",
        "the gate was left open|hail flattened the crop|a fox got into the coop|the axle broke in the mud",
        "a full barn|a blue rosette|fresh milk for everyone|a new calf in spring",
    ),
    category(
        "winter",
        "snowman sled icicle mitten skate blizzard penguin igloo scarf snowflake fireplace husky sleigh "
        "iceberg "
        "reindeer snowshoe blanket hockey chimney toboggan",
        "a frozen lake|the snowy square|a cottage under deep drifts|the ice rink",
        "a bundled child|the sledge driver|an ice fisher|the snow clearer",
        "a wool blanket|a shovel|a thermos of cocoa|a pair of snow boots",
        "brushed away the fresh snow|slid down the long slope|stamped warmth into cold feet|"
        "lit a fire with wet wood",
        "the ice cracked underfoot|drifts buried the door|fingers went numb|the pipes froze solid",
        "a mug of hot chocolate|a day off school|the warmest bed in town|a trail of lights",
    ),
    category(
        "painting",
        "portrait canvas mural sculpture sketch easel statue mosaic gallery paintbrush frame palette fresco "
        "model "
        "tapestry doodle stencil crayon watercolour poster",
        "a bright studio|the city gallery|a bare white wall|a loft with tall windows",
        "a poor painter|the art dealer|a sculptor|the museum guard",
        "a brush of horsehair|a tube of blue paint|a stick of charcoal|a lump of clay",
        "mixed seven shades of green|stepped back to squint|scraped the paint off and began again|"
        "sketched by candlelight",
        "the colours ran together|a critic sneered|turpentine spilled everywhere|the model walked out",
        "a wall in the gallery|a wealthy patron|a picture that seemed to breathe|a note of thanks",
    ),
    category(
        "sewing",
        "dress quilt needle button thread coat ribbon shoe sweater loom curtain glove apron pocket lace "
        "kimono zipper "
        "boot cushion embroidery",
        "a tailor's shop|the mending room|a weaver's cottage|the back of the theatre",
        "a seamstress|the shoemaker|an apprentice tailor|a lace maker",
        "a pin cushion|a spool of red silk|a pair of scissors|a measuring tape",
        "unpicked the crooked seam|stitched through the night|cut the cloth on the fold|"
        "matched every colour by eye",
        "the cloth tore down the middle|the thread ran out|moths had found the wool|the size was wrong",
        "a perfect fit|an order from the duchess|a dance in new shoes|a warm winter coat",
    ),
    category(
        "sport",
        "football bicycle racket marathon goalkeeper trophy surfboard skateboard chess medal archery boxing "
        "tennis "
        "relay cricket wrestling javelin helmet goalpost stadium",
        "the muddy pitch|a packed stadium|the park after school|the old gymnasium",
        "a tired coach|the team captain|a substitute|a champion",
        "a roll of tape|a stopwatch|a torn jersey|a bottle of water",
        "trained in the rain|ran one more lap|passed the ball at the last second|held on until the whistle",
        "the score was against them|a knee gave way|the referee shook his head|rivals cheated at the start",
        "a winner's cup|the respect of the team|a new record|a ride on strong shoulders",
    ),
    category(
        "pets",
        "kitten puppy hamster goldfish rabbit canary tortoise leash mouse collar gecko bone cage guinea-pig "
        "budgie "
        "aquarium ferret spaniel terrier hedgerow",
        "a small flat|the pet shop|the animal shelter|the yard behind the house",
        "a lonely boy|the dog walker|a kind nurse|the shelter owner",
        "a bowl of scraps|a squeaky toy|a soft brush|a bag of seed",
        "crawled beneath the sofa|put up notices on every post|offered a bit of ham|"
        "built a bed from an old box",
        "the door was left ajar|the food bowl stayed full|a barking dog chased it|fleas got everywhere",
        "a wagging tail|a purr in the dark|a name on a little tag|a friend for life",
    ),
    category(
        "castle",
        "castle dragon crown sword knight throne princess moat drawbridge tower shield jester goblet banner "
        "dungeon "
        "catapult sceptre horse armour wizard",
        "a crumbling castle|the throne room|the tallest tower|a royal courtyard",
        "a brave squire|the old queen|a stable boy|the court wizard",
        "a rusty key|a torch|a bent spear|a wax seal",
        "knelt before the throne|crossed the moat at midnight|polished the steel until it shone|"
        "swore an oath by candlelight",
        "guards barred the gate|a curse hung over the hall|the drawbridge chain broke|an enemy marched near",
        "a knighthood|a chest of gold|the freedom of the city|a feast for forty guests",
    ),
    category(
        "post",
        "letter postcard parcel envelope pigeon mailbox telegram stamp-album courier postman package "
        "messenger invitation "
        "inkwell signature telephone postage valentine bulletin wax",
        "the post office|a sorting room|the long street on the hill|a border town",
        "a postwoman|the clerk|a bicycle courier|a lonely widow",
        "a leather satchel|a ball of string|a rubber stamp|a bottle of ink",
        "read the address under a lamp|knocked on every door|pedalled through the puddles|"
        "tied the string with a double knot",
        "the address was smudged|the bag fell in a ditch|no one answered the bell|the answer never came",
        "an answer by return|a smile at the door|news from far away|a medal from the postmaster",
    ),
    category(
        "night",
        "lantern ghost shadow dream pillow firefly bat lamp owlet nightmare moonbeam torch streetlamp attic "
        "midnight "
        "candlestick bonfire firework spider cellar",
        "a creaking attic|the sleeping street|a cellar without windows|the churchyard",
        "a night watchman|a restless child|the lamplighter|a ghost hunter",
        "a box of matches|a stub of wax|a ring of keys|a warm coat",
        "crept down the back stairs|held the light up high|counted the strokes of midnight|"
        "sat awake in the dark",
        "a cold draught blew the flame out|footsteps sounded above|the stairs groaned|"
        "eyes shone in the corner",
        "a peaceful sleep|the first light of dawn|a story for breakfast|courage for the next night",
    ),
    category(
        "desert",
        "camel oasis dune mirage caravan scorpion well pyramid palm sandstorm turban lizard nomad fossil "
        "date "
        "fennec obelisk sandal rug temple",
        "a dusty caravan stop|the edge of the dunes|a ruined temple|the last well",
        "a camel driver|the water seller|a scholar of old stones|a desert scout",
        "a goatskin of water|a strip of white cloth|a digging brush|a sack of dates",
        "walked by night to escape the heat|brushed sand from the stone|shared the last drops|"
        "watched the horizon for dust",
        "the sand swallowed the road|the water tasted of salt|the guide ran off|"
        "heat shimmered over everything",
        "shade and cool water|a carved tablet|passage across the sands|a bed beneath the palms",
    ),
)

ALL_CATEGORIES: tuple[Category, ...] = FIRST_CATEGORIES + MORE_CATEGORIES
