"""What is known of a page once its HTML has been read."""

import ast
import html.parser
from dataclasses import dataclass, field


@dataclass
class Page:
    title: str = ""
    headings: list = field(default_factory=list)
    paragraphs: list = field(default_factory=list)
    links: list = field(default_factory=list)
    samples: list = field(default_factory=list)  # syntax trees


class PageParser(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.page = Page()
        self._open = None

    def handle_starttag(self, tag, attrs):
        self._open = tag
        if tag == "a":
            self.page.links.append(dict(attrs).get("href"))

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open == "title":
            self.page.title = data
        elif self._open == "h2":
            self.page.headings.append(data)
        elif self._open == "p":
            self.page.paragraphs.append(data)
        elif self._open == "pre":
            self.page.samples.append(ast.parse(data))


def parse_page(text):
    parser = PageParser()
    parser.feed(text)
    parser.close()
    return parser.page


def functions_of(page):
    """The functions that the page's samples define, with the names of what they call."""
    functions = {}
    for tree in page.samples:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                functions[node.name] = sorted(set(called_names(node)))
    return functions


def called_names(function):
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id
