"""Which pages have which words."""

import collections


class WordIndex:
    def __init__(self):
        self._pages_with = collections.defaultdict(set)
        self._known = set()

    def add(self, number, page):
        if number in self._known:
            return
        self._known.add(number)
        for text in (page.title, *page.headings, *page.paragraphs):
            for word in text.lower().replace(".", "").split():
                self._pages_with[word].add(number)

    def find(self, words):
        """The pages that have all of these words, in order."""
        found = [self._pages_with.get(word, set()) for word in words]
        return sorted(set.intersection(*found)) if found else []
