"""What the simulated feed's posts say: short sentences on twelve topics, plain and with a lure.

The sentences are invented. Each is one of four patterns of its topic, filled with one of the
topic's subjects and one of its turns, so that posts of one topic share a vocabulary and no wording.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_TOPICS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "football": (
        (
            "{0} scored late and the stadium went quiet, {1}",
            "The coach changed the back line again: {0}, {1}",
            "Match report, second half: {0} {1}",
            "{0} on the left wing, {1}, three points away from home",
        ),
        ("our striker", "the young goalkeeper", "the captain", "that midfield trio"),
        ("and extra time began", "after a poor first half", "with a header from a corner"),
    ),
    "cooking": (
        (
            "Slow-cooked {0} for Sunday, {1}",
            "My grandmother's recipe for {0}: {1}",
            "{0} from one pan, {1}, ready in half an hour",
            "Baked {0} this morning, {1}",
        ),
        ("lentil soup", "sourdough bread", "aubergines with tahini", "chicken stew"),
        ("with plenty of garlic", "and a spoon of butter at the end", "salt only after tasting"),
    ),
    "space": (
        (
            "The telescope saw {0} last night, {1}",
            "A new paper on {0}: {1}",
            "{0} explained for people without a telescope, {1}",
            "Mission control confirms {0}, {1}",
        ),
        ("a distant exoplanet", "Jupiter's moons", "a comet near the sun", "a rocket in orbit"),
        ("light years from the earth", "astronomers are puzzled", "launch window in spring"),
    ),
    "gardening": (
        (
            "{0} in the raised bed, {1}",
            "When to prune {0}: {1}",
            "First harvest of {0} from the balcony, {1}",
            "Compost, mulch and {0}, {1}",
        ),
        ("tomato seedlings", "old roses", "climbing beans", "lavender and sage"),
        ("before the last frost", "plenty of water in the evening", "the bees are back"),
    ),
    "programming": (
        (
            "Refactored {0} today, {1}",
            "Why {0} fails in production: {1}",
            "A short guide to {0}, {1}",
            "Debugging {0} until midnight, {1}",
        ),
        ("the Python parser", "a Rust web server", "our database index", "the unit tests"),
        ("the compiler was right", "one missing lock", "and the code is half as long"),
    ),
    "cinema": (
        (
            "Saw {0} in an empty theatre, {1}",
            "{0}: a review without spoilers, {1}",
            "The director talks about {0}, {1}",
            "{0} wins the festival prize, {1}",
        ),
        (
            "the black-and-white thriller",
            "that silent comedy",
            "the new science-fiction film",
            "a documentary on sailors",
        ),
        ("the camera hardly moves", "wonderful acting and a weak script", "stay for the last shot"),
    ),
    "travel": (
        (
            "Night train to {0}, {1}",
            "Three days in {0} on a small budget, {1}",
            "{0} outside the season, {1}",
            "Packing list for {0}: {1}",
        ),
        ("Lisbon", "the Norwegian coast", "Kyoto", "a village in the Alps"),
        ("a window seat and a book", "the hostel has a roof terrace", "take the slow ferry"),
    ),
    "health": (
        (
            "What doctors say about {0}: {1}",
            "{0} after forty, {1}",
            "A month of {0}, {1}",
            "New study on {0}, {1}",
        ),
        ("back pain", "better sleep", "high blood pressure", "vaccination"),
        ("ten minutes a day are enough", "the effect is small", "ask before you take a pill"),
    ),
    "music": (
        (
            "{0} on repeat since Friday, {1}",
            "Live recording of {0}, {1}",
            "Learning {0} on the guitar, {1}",
            "{0}: the new album, {1}",
        ),
        ("a string quartet", "the old jazz trio", "that punk band", "a choir from Georgia"),
        ("what a bass line", "the drummer carries it", "the second song is the best"),
    ),
    "politics": (
        (
            "Parliament votes on {0} today, {1}",
            "The minister defends {0}, {1}",
            "{0} before the election: {1}",
            "Town council and {0}, {1}",
        ),
        ("the housing bill", "the new tax", "the rail budget", "voting rights"),
        ("the coalition is split", "the opposition wants a debate", "a majority of one vote"),
    ),
    "finance": (
        (
            "Markets after the decision on {0}: {1}",
            "{0} in plain words, {1}",
            "Saving with {0}, {1}",
            "Analysts disagree about {0}, {1}",
        ),
        ("interest rates", "index funds", "government bonds", "bank shares"),
        ("inflation stays the question", "mind the fees", "dividends fell this quarter"),
    ),
    "animals": (
        (
            "{0} found a new home, {1}",
            "Rescued {0} from the rain, {1}",
            "How {0} sleep: {1}",
            "{0} at the window, {1}",
        ),
        ("two kittens", "an old dog", "a family of hedgehogs", "the neighbour's parrot"),
        ("and nobody slept", "the vet was kind", "see the ears in the last picture"),
    ),
}
_LURES = ("You won't believe this.", "Nobody dares to tell you this!", "This will shock you.")

#: Names of the topics, in the order of their numbers.
TOPICS: tuple[str, ...] = tuple(_TOPICS)


@dataclass(frozen=True, eq=False)
class Sentences:
    """Every sentence that a simulated post can say.

    Attributes:
        text: (n,) the sentences, all different.
        topic: (n,) int64, number of the topic.
        lure: (n,) bool, whether it begins with a lure.
    """

    text: np.ndarray
    topic: np.ndarray
    lure: np.ndarray


def feed_sentences() -> Sentences:
    """Write out all sentences: 12 topics, 48 plain ones each, and every second again with a lure.

    Returns:
        864 sentences; the same at every call.
    """
    rows: list[tuple[str, int, bool]] = []
    for number, (patterns, subjects, turns) in enumerate(_TOPICS.values()):
        plain = [p.format(s, t) for p in patterns for s in subjects for t in turns]
        plain = [text[0].upper() + text[1:] + "." for text in plain]
        lured = [f"{_LURES[j % len(_LURES)]} {text}" for j, text in enumerate(plain[::2])]
        rows += [(text, number, False) for text in plain]
        rows += [(text, number, True) for text in lured]
    text, topic, lure = (np.array(column) for column in zip(*rows))
    return Sentences(text, topic.astype(np.int64), lure)
