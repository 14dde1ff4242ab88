"""Answers requests: lines of JSON in, lines of JSON out."""

import collections
import json
import time

from docindex.cache import RecentlyUsed
from docindex.pages import functions_of, parse_page
from docindex.words import WordIndex


class Service:
    def __init__(self, site, cached_pages=40):
        self._site = site
        self._pages = RecentlyUsed(cached_pages, self._load_page)
        self._index = WordIndex()
        self._seconds = collections.deque(maxlen=200)
        self._replies = {}

    def handle(self, line):
        """The reply to one request. A client that lost it asks again and gets the same bytes."""
        request = json.loads(line)
        if request["id"] in self._replies:
            return self._replies[request["id"]]
        begin = time.perf_counter()
        answer = self._answer(request)
        self._seconds.append(time.perf_counter() - begin)
        reply = json.dumps({"id": request["id"], **answer})
        return self._remember(request["id"], reply)

    def _remember(self, request_id, reply):
        self._replies[request_id] = reply.encode()  # never evicted
        return self._replies[request_id]

    def _answer(self, request):
        page = self._pages[request["page"]]
        return {
            "title": page.title,
            "headings": page.headings,
            "excerpt": page.paragraphs[0],
            "functions": functions_of(page),
            "links": page.links,
            "related": self._index.find(request["words"])[:20],
        }

    def _load_page(self, number):
        page = parse_page(self._site.fetch(number))
        self._index.add(number, page)
        return page
