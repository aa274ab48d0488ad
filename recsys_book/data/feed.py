"""A simulated social feed with a known truth: posts that people write, and people who tire of them.

Nothing here is data about people. Posts have a text, a creator and a short life; users have tastes
that move, follow creators and each other, and come back more often after a visit that was worth it.
What the log of a real service cannot tell stands beside it: the chance that any user opens any post
at any hour, and the chance of being glad of it.
"""

from __future__ import annotations

import numpy as np

from recsys_book.data.errors import DataError
from recsys_book.data.feed_events import FeedEvents
from recsys_book.data.feed_texts import TOPICS, feed_sentences
from recsys_book.data.feedback import FeedbackLog


class SimulatedFeed:
    r"""The world behind a feed: who writes what and when, and who would open and enjoy it.

    Post :math:`i` on topic :math:`c` is seen by user :math:`u` at hour :math:`t`, at an age of
    :math:`a` hours. Once looked at, it is opened with probability
    :math:`\sigma(z_{uc}(t) + \tau_c(t) + 1.2\,\ell_i + 0.6\,f_{ui} - \ln(2)\,a/h - 2)`, and once
    opened it is enjoyed with probability :math:`\sigma(z_{uc}(t) - 1.5\,\ell_i + q_i)`. Here
    :math:`z` is the taste, :math:`\tau` the trend of the topic, :math:`\ell_i` whether the text
    begins with a lure, :math:`f` whether the user follows the creator, :math:`q` the quality, and
    :math:`h` the half-life (of the odds, in hours). A lure is opened more and enjoyed less.

    Tastes are normal with standard deviation 1.5 and walk slowly; at hour ``change`` a share
    ``movers`` of the users takes up a new taste at once. Place :math:`j` of a list is looked at
    with probability :math:`(1+j)^{-1/2}`. A user comes at an hour with probability
    :math:`0.15 + 0.35\,m` times a rhythm of the day, where the mood :math:`m` fades by a fifth a
    visit and is fed by a visit with something enjoyed in it.

    Args:
        n_users: number of users.
        n_creators: number of creators; a few have most followers and post most.
        n_posts: number of posts.
        hours: length of the simulation.
        half_life: hours in which the odds of a post being opened halve.
        life: hours after which a post is gone.
        walk: hours in which a taste forgets itself; infinite for tastes that stand still.
        change: hour of the abrupt change, or ``None``.
        movers: share of users whose taste changes then.
        seed: of everything.

    Attributes:
        text: (n_posts,) what the post says; ``sentence`` is its number in ``feed_sentences()``.
        topic: (n_posts,) truth: its topic; ``lure``, ``quality``: truth, see above.
        creator: (n_posts,) who wrote it; ``posted``: (n_posts,) the hour, sorted.
        taste: (hours, n_users, n_topics) truth: :math:`z`; ``trend``: (hours, n_topics).
        follows: (n_users, n_creators) bool, at the start.
        friends: (n_users, n_users) bool, symmetric: who knows whom.
        moved: (n_users,) bool, truth: whose taste changes at ``change``.
        small: (n_creators,) bool: the half of the creators with the fewest followers.
    """

    position_bias = 0.5

    def __init__(
        self,
        n_users: int = 150,
        n_creators: int = 60,
        n_posts: int = 1200,
        hours: int = 96,
        half_life: float = 8.0,
        life: float = 24.0,
        walk: float = 400.0,
        change: int | None = None,
        movers: float = 0.5,
        seed: int = 0,
    ):
        least = min(n_users, n_creators, n_posts, hours)
        times = half_life, life, walk
        if least < 2 or not all(t > 0 for t in times) or not 0 <= movers <= 1:
            raise DataError(
                f"The feed got n_users = {n_users}, n_creators = {n_creators}, n_posts = {n_posts},"
                f" hours = {hours}, half_life = {half_life}, life = {life}, walk = {walk}, movers ="
                f" {movers}; give sizes from 2, times above 0 and a share from 0 to 1."
            )
        self.n_users, self.n_creators, self.n_posts = n_users, n_creators, n_posts
        self.hours, self.half_life, self.life, self.seed = hours, half_life, life, seed
        self.change, self.n_topics = change, len(TOPICS)
        rngs = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(5)]
        self._draw_tastes(rngs[0], walk, movers)
        self._draw_trends(rngs[1])
        self._draw_creators(rngs[2])
        self._draw_posts(rngs[3])
        self._draw_friends(rngs[4])

    def _draw_tastes(self, rng: np.random.Generator, walk: float, movers: float) -> None:
        keep = np.exp(-1 / walk)
        shape = (self.n_users, self.n_topics)
        taste = np.empty((self.hours, *shape))
        taste[0] = 1.5 * rng.normal(size=shape)
        self.moved = rng.random(self.n_users) < movers
        fresh = 1.5 * rng.normal(size=shape)
        for t in range(1, self.hours):
            step = 1.5 * np.sqrt(1 - keep**2) * rng.normal(size=shape)
            taste[t] = keep * taste[t - 1] + step
            if t == self.change:
                taste[t, self.moved] = fresh[self.moved]
        if self.change is None:
            self.moved = np.zeros(self.n_users, dtype=bool)
        self.taste = taste

    def _draw_trends(self, rng: np.random.Generator) -> None:
        """A trend begins about every 12 hours, adds 1.5 to the logit, and fades within hours."""
        trend = np.zeros((self.hours, self.n_topics))
        for start in np.flatnonzero(rng.random(self.hours) < 1 / 12):
            age = np.arange(self.hours - start)
            trend[start:, rng.integers(self.n_topics)] += 1.5 * np.exp(-age / 6)
        self.trend = trend

    def _draw_creators(self, rng: np.random.Generator) -> None:
        n = self.n_creators
        self._fame = 1 / (1 + rng.permutation(n)) ** 0.7
        self._subject = rng.integers(self.n_topics, size=n)
        self._lures = np.where(rng.random(n) < 0.3, 0.7, 0.1)  # some creators live on lures
        liking = self.taste[0][:, self._subject] + np.log(self._fame)
        self.follows = rng.random((self.n_users, n)) < 1 / (1 + np.exp(-(liking - 0.5)))
        order = np.argsort(self.follows.sum(axis=0), kind="stable")
        self.small = np.zeros(n, dtype=bool)
        self.small[order[: n // 2]] = True

    def _draw_posts(self, rng: np.random.Generator) -> None:
        n, pool = self.n_posts, feed_sentences()
        self.creator = rng.choice(self.n_creators, size=n, p=self._fame / self._fame.sum())
        self.posted = np.sort(rng.uniform(-self.life, self.hours, size=n))
        hot = self.trend[np.clip(self.posted, 0, self.hours - 1).astype(int)]
        chance = np.exp(hot) / np.exp(hot).sum(axis=1, keepdims=True)
        other = (chance.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
        self.topic = np.where(rng.random(n) < 0.6, self._subject[self.creator], other)
        self.lure = rng.random(n) < self._lures[self.creator]
        self.quality = rng.normal(size=n) * 0.5
        kind = self.topic * 2 + self.lure
        order = np.argsort(pool.topic * 2 + pool.lure, kind="stable")
        size = np.bincount(pool.topic * 2 + pool.lure, minlength=2 * self.n_topics)
        start = np.cumsum(size) - size
        self.sentence = order[start[kind] + (rng.random(n) * size[kind]).astype(int)]
        self.text = pool.text[self.sentence]

    def _draw_friends(self, rng: np.random.Generator) -> None:
        """Alike people meet; then friends of friends meet."""
        n, taste = self.n_users, self.taste[0]
        unit = taste / np.linalg.norm(taste, axis=1, keepdims=True)
        social = rng.normal(size=n) * 0.5
        logit = 3 * unit @ unit.T + social[:, None] + social - 4
        met = np.triu(rng.random((n, n)) < 1 / (1 + np.exp(-logit)), 1)
        met |= met.T
        common = met.astype(float) @ met
        closed = np.triu(rng.random((n, n)) < 1 - 0.95**common, 1)
        self.friends = met | closed | closed.T
        np.fill_diagonal(self.friends, False)

    def interests(self, hour: int) -> np.ndarray:
        """Truth: each user's taste as shares of the topics, (n_users, n_topics)."""
        grown = np.exp(self.taste[hour] - self.taste[hour].max(axis=1, keepdims=True))
        return grown / grown.sum(axis=1, keepdims=True)

    def alive(self, hour: int) -> np.ndarray:
        """Positions of the posts that are written and not yet gone, oldest first."""
        age = hour - self.posted
        return np.flatnonzero((age >= 0) & (age < self.life))

    def view_probability(self, hour: int, users: np.ndarray, posts: np.ndarray) -> np.ndarray:
        """Truth: chance that each user opens each post once looked at, (users, posts)."""
        return self._view(hour, np.asarray(users)[:, None], np.asarray(posts)[None])

    def joy_probability(self, hour: int, users: np.ndarray, posts: np.ndarray) -> np.ndarray:
        """Truth: chance that each user is glad of each post, once opened, (users, posts)."""
        return self._joy(hour, np.asarray(users)[:, None], np.asarray(posts)[None])

    def _view(self, hour: int, user: np.ndarray, post: np.ndarray) -> np.ndarray:
        topic, age = self.topic[post], hour - self.posted[post]
        logit = self.taste[hour][user, topic] + self.trend[hour, topic] - 2
        logit = logit + 1.2 * self.lure[post] - np.log(2) * age / self.half_life
        return 1 / (1 + np.exp(-(logit + 0.6 * self.follows[user, self.creator[post]])))

    def _joy(self, hour: int, user: np.ndarray, post: np.ndarray) -> np.ndarray:
        logit = self.taste[hour][user, self.topic[post]]
        return 1 / (1 + np.exp(-(logit - 1.5 * self.lure[post] + self.quality[post])))

    def visitors(self, hour: int, mood: np.ndarray) -> np.ndarray:
        """Draw who comes at an hour, given everybody's mood (n_users,); positions."""
        rhythm = 1 + 0.5 * np.sin(2 * np.pi * (hour - 9) / 24)
        draw = self._chance(hour, 0).random(self.n_users)
        return np.flatnonzero(draw < rhythm * (0.15 + 0.35 * mood))

    def respond(self, hour: int, users: np.ndarray, lists: np.ndarray) -> FeedEvents:
        """Show lists and write down everything that happens.

        The dice of an hour, a user and a place are the same whatever is shown there, so that two
        policies are compared on the same luck.

        Args:
            hour: Hour of the visit.
            users: (n,) positions of different users.
            lists: (n, k) positions of living posts, best first; -1 is an empty place.

        Returns:
            One row a shown place.

        Raises:
            DataError: there is not one list a user, or a post is unknown, not yet written, or gone.
        """
        users, lists = np.asarray(users, np.int64), np.asarray(lists, np.int64)
        self._check(hour, users, lists)
        k = lists.shape[1]
        dice = self._chance(hour, 1).random((6, self.n_users, k))[:, users].reshape(6, -1)
        keep = lists.ravel() >= 0
        user, item, dice = np.repeat(users, k)[keep], lists.ravel()[keep], dice[:, keep]
        place = np.tile(np.arange(k), len(users))[keep]
        looked = dice[0] < (1.0 + place) ** -self.position_bias
        clicked = looked & (dice[1] < self._view(hour, user, item))
        glad = clicked & (dice[2] < self._joy(hour, user, item))
        like = clicked & (dice[3] < np.where(glad, 0.4, 0.05))
        comment = clicked & (dice[4] < 0.04 + 0.2 * self.lure[item] + 0.04 * glad)
        share = clicked & (dice[5] < np.where(glad, 0.15, 0.02))
        follow = like & ~self.follows[user, self.creator[item]] & (dice[3] < 0.1)
        satisfied = np.where(clicked, glad.astype(float), np.nan)
        when = np.full(len(user), hour)
        log = FeedbackLog(when, user, item, place, clicked, satisfied, self.n_users, self.n_posts)
        return FeedEvents(log, like, comment, share, follow)

    def _chance(self, hour: int, what: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, hour, what, 77])

    def _check(self, hour: int, users: np.ndarray, lists: np.ndarray) -> None:
        if lists.ndim != 2 or len(lists) != len(users):
            raise DataError(f"{len(users)} users got lists of shape {lists.shape}; give one each.")
        if len(np.unique(users)) < len(users):
            raise DataError(f"A user comes twice at hour {hour}; give each one list an hour.")
        wrong = lists[(lists < -1) | (lists >= self.n_posts)]
        if not len(wrong):
            age = hour - self.posted[lists]
            wrong = lists[(lists >= 0) & ((age < 0) | (age >= self.life))]
        if len(wrong):
            raise DataError(
                f"A list at hour {hour} holds post {wrong[0]}, which is unknown, not yet written or"
                " gone; choose from alive(hour)."
            )
