"""The tag of a challenge: two words that stand on the page and in its message.

They show which of several late messages belongs to this tab. They are not secret, and say nothing about the passcode.
"""

from __future__ import annotations

import hashlib

_WORDS = """
    acorn alder almond amber anchor apple apron arch arrow aspen atlas autumn badge baker bamboo banjo barley
    barn basil basket beacon bead bell bench berry birch bison blue boat bonnet book boot bottle branch brass
    bread breeze brick bridge bright bronze brook broom brown brush bucket butter button cabin cactus calm
    camel candle canoe canvas carpet carrot castle cedar chair chalk cheese cherry chess cinema circle clay
    cliff clock cloud clover coast cocoa compass copper coral cotton crane cream cricket crystal curtain daisy
    dawn deer desk diamond dolphin door dragon drum duck dune eagle easel echo elbow elm ember engine falcon
    feather fern field fig finch flag flame flint flute foam forest fossil fox garden garlic gentle ginger
    glacier glass globe glove gold grape grass gravel green guitar hammer harbour harp hazel heron hill honey
    horizon horse ice indigo iron island ivory ivy jacket jade jasmine jigsaw jungle juniper kettle kite ladder
    lagoon lake lamp lantern larch laurel lemon lentil lilac lily linen lion lotus lunar magnet mango maple
    marble market meadow melon mint mirror moon moss mountain museum nectar needle nest oak oasis ocean olive
    onion opal orange orchard orchid otter owl paddle paint panda paper parrot peach pearl pebble pencil pepper
    piano pillow pine planet plum pocket pond poppy prairie pumpkin puzzle quartz quiet quilt rabbit radio
    raven reef ribbon rice river robin rocket ruby saddle saffron salmon sand satin scarf shell silver sky snow
    spoon spring spruce star stone summer sunny swan table teapot tiger timber tulip valley velvet violet
    walnut water whale
""".split()  # noqa: SIM905  # a list of so many strings cannot be read

LONGEST_TAG = " ".join([max(_WORDS, key=len)] * 2)
"""What a message must have room for."""


def tag_of(challenge_id: str) -> str:
    """Two of 256 words, such as "amber river", the same for every message of one challenge.

    From the id alone, without the key that passcodes are derived with.
    """
    digest = hashlib.sha256(b"tag\0" + challenge_id.encode()).digest()
    return f"{_WORDS[digest[0]]} {_WORDS[digest[1]]}"
