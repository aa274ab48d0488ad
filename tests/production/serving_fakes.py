"""A small backend whose every move a test decides."""

import time

from recsys_book.production.serving import ModelAway, Unknown


class Small:
    """Three people, five items, and a model that can be away, slow or broken."""

    version = "small-1"

    def __init__(self):
        self.there, self.slow, self.broken = True, 0.0, None
        self.events = {"ann": [], "bob": []}
        self.asked = 0

    def ready(self):
        return self.there

    def load(self):
        self.there = True

    def _known(self, person):
        if person not in self.events:
            raise Unknown("There is no such person; POST /people makes a guest.")

    def state_of(self, person):
        self._known(person)
        return f"s{len(self.events[person])}"

    def recommend(self, person, k, variety):
        self._known(person)
        self.asked += 1
        if self.slow:
            time.sleep(self.slow)
        if self.broken:
            raise self.broken
        items = [{"item": str(i)} for i in range(k)]
        return {"items": items, "state": self.state_of(person)}

    def popular(self, k):
        return {"items": [{"item": "hit"}][:k]}

    def record(self, person, item, stars):
        self._known(person)
        if item == "none":
            raise Unknown("There is no such item; look it up.")
        self.events[person].append((item, stars))
        return {"state": self.state_of(person)}

    def new_person(self):
        name = f"guest-{len(self.events)}"
        self.events[name] = []
        return name

    def describe(self, person):
        self._known(person)
        return {"person": person, "items": self.events[person]}

    def forget(self, person):
        self._known(person)
        self.events[person] = []

    def search(self, text, limit):
        return [{"item": text}][:limit]

    def similar(self, item, k):
        if not self.there:
            raise ModelAway("The model is away; there are no similar items at the moment.")
        return [{"item": item}]
