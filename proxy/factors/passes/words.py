"""The words that a person says to their manager: short, known to everybody, and no two that begin alike."""

from __future__ import annotations

import secrets

_LIST = """
acorn almond amber anchor ankle apple apron arrow atlas autumn bacon badge bagel ballet bamboo banjo barley basket
beacon beaver bicycle biscuit blanket blossom bonnet bottle breeze bridge bronze bubble bucket burrow button cabbage
cactus camera candle canoe canvas carpet carrot castle cedar cello cherry chimney circus clover cobalt cocoa coffee
comet compass copper coral cotton cradle crayon cricket crystal curtain cymbal daisy diamond dolphin domino donkey
dragon dresser eagle easel eclipse elbow elephant ember engine falcon feather fiddle flannel flute forest fossil
fountain fridge frost garden garlic giraffe glacier goblet granite grape guitar hammer harbour harvest hazel hedgehog
helmet hermit honey hotel iceberg igloo insect island ivory jacket jasmine jelly jigsaw jungle kennel kettle kitchen
kitten ladder lagoon lantern lavender lemon leopard lizard lobster locket magnet mango maple marble meadow melon
mirror mitten monkey mosaic muffin mushroom mustard napkin nectar needle nickel nutmeg oasis ocean olive onion orbit
orchid otter oyster paddle palace panda paper parrot peanut pebble pelican pencil pepper piano picnic pigeon pillow
pirate planet plaster pocket pony poppy potato prism pumpkin puzzle python quartz quilt rabbit radish raft raisin
ribbon river robin rocket saddle saffron salmon sandal satchel saucer scarf seagull shadow shovel silver sketch
slipper snowman spider sponge spruce squirrel stable statue summer sunset swallow table tailor teapot temple thimble
thunder tiger timber toffee tomato tractor trumpet tulip tunnel turnip turtle umbrella unicorn vanilla velvet village
violin volcano waffle walnut walrus wardrobe whistle willow window winter wizard wombat yellow yogurt zebra zipper
"""
WORDS = tuple(_LIST.split())
OFFERED = 6
"""So many pairs the manager chooses from, and only once."""


def draw() -> tuple[str, tuple[str, ...]]:
    """A pair of words, and all pairs to choose from, with it among them. No word is in two of them."""
    drawn = secrets.SystemRandom().sample(WORDS, 2 * OFFERED)
    pairs = tuple(f"{one} {other}" for one, other in zip(drawn[::2], drawn[1::2], strict=True))
    return secrets.choice(pairs), pairs
