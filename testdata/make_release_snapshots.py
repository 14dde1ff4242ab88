#!/usr/bin/python3
"""Makes testdata/releases: the memory of two releases of Jinja at the same work, and how its lines moved.

    make_release_snapshots.py JINJA_REPOSITORY MTRACE_MODULES

JINJA_REPOSITORY is a clone of Jinja's repository, MTRACE_MODULES the folder with the built Python package
(build/release/python). Both releases run from the same folder, /srv/site, which must not exist. moves.txt
has the numbers of every line of the older release that holds memory in either, as `git diff` sees them:
FILE:OLD NEW, or FILE:OLD - where the line was changed or taken out.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLD, NEW = "3.0.3", "3.1.2"
SITE = Path("/srv/site")
HERE = Path(__file__).resolve().parent / "releases"

WORK = r"""
import os, sys, mtrace
system = os.uname()
os.uname = lambda: type(system)((system.sysname, "example.org", *system[2:]))
mtrace.start(4)
import jinja2
from jinja2 import nodes

PAGE = '''{%% extends "base" %%}{%% import "forms" as forms %%}
{%% block body scoped %%}<h1>{{ title|upper|replace("A", "B") }} %d</h1>
{%% for item in items if item.price > %d recursive %%}{{ loop.index }}. {{ item.name|e|truncate(20) }}
{%% if item.children %%}{{ loop(item.children) }}{%% elif item.x is defined %%}{{ item["x"][1:3] }}{%% else %%}-{%% endif %%}
{%% endfor %%}{{ forms.field("a", value=1 + 2 * 3 ** 2, kind={"a": (1, 2), "b": [3, 4]}) }}
{%% set ns = namespace(found=false) %%}{%% with a=1, b=2 %%}{{ a ~ b }}{{ not a and b or a in [1] }}{%% endwith %%}
{%% filter upper %%}text{%% endfilter %%}{%% call(x) forms.wrap() %%}{{ x }}{%% endcall %%}{%% raw %%}{{ }}{%% endraw %%}
{# a comment #}{%% autoescape true %%}{{ "<" }}{%% endautoescape %%}{%% include ["side", "base"] ignore missing %%}
{%% endblock %%}'''
templates = {
    "base": '<html>{% block body %}{% endblock %}{% block foot %}{{ super is defined }}{% endblock %}</html>',
    "forms": '{% macro field(name, value="", kind=None) %}<input name="{{ name }}" value="{{ value }}">{% endmacro %}'
             '{% macro wrap() %}[{{ caller("y") }}]{% endmacro %}',
    "side": "{{ range(3)|join(',') }}{% do [].append(1) %}{% trans count=3 %}{{ count }} item{% pluralize %}items{% endtrans %}",
}
for number in range(24):
    templates["page%d" % number] = PAGE % (number, number)
environment = jinja2.Environment(
    loader=jinja2.DictLoader(templates), extensions=["jinja2.ext.do", "jinja2.ext.i18n", "jinja2.ext.loopcontrols"]
)
environment.install_null_translations(newstyle=True)
trees, sources, tokens, pages = [], [], [], []
for name, text in templates.items():
    trees.append(environment.parse(text, name))
    sources.append(environment.compile(text, name, raw=True))
    tokens.append(list(environment._tokenize(text, name)))
    template = environment.get_template(name)
    if name.startswith("page"):
        items = [{"name": "n%d" % i, "price": 30 + i, "children": []} for i in range(5)]
        pages.append(template.render(title="a title", items=items))
        pages.append(list(template.generate(title="a title", items=items)))
        pages.append(template.new_context({"title": 1}))
trees.append([node for tree in list(trees) for node in tree.find_all(nodes.Expr)])
mtrace.take_snapshot().filter_traces([mtrace.Filter(True, "/srv/site/jinja2/*")]).write("site.zst")
"""


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def release(repository, tag, modules, snapshot):
    SITE.mkdir()
    try:
        files = subprocess.Popen(["git", "-C", repository, "archive", tag, "src/jinja2"], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "--strip-components=1", "-C", SITE], stdin=files.stdout, check=True)
        environment = dict(os.environ, PYTHONPATH=f"{SITE}:{modules}", PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1")
        (SITE / "work.py").write_text(WORK)
        run(sys.executable, "work.py", env=environment, cwd=SITE)
        shutil.copyfile(SITE / "site.zst", snapshot)
    finally:
        shutil.rmtree(SITE)


def lines_that_hold(snapshot, mtrace):
    report = json.loads(run(mtrace, "top", snapshot, "--cumulative", "--format", "json"))
    frames = [statistic["traceback"][0] for statistic in report["statistics"]]
    return {(frame["filename"], frame["lineno"]) for frame in frames if frame["filename"].startswith(f"{SITE}/jinja2/")}


def new_numbers(repository, path):
    """Old number -> new number, None for a line that is not there any more."""
    total = len(run("git", "-C", repository, "show", f"{OLD}:{path}").splitlines())
    hunks = re.findall(
        r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", run("git", "-C", repository, "diff", "-U0", OLD, NEW, "--", path), re.M
    )
    numbers, line, shift = {}, 1, 0
    for old_start, old_count, new_start, new_count in hunks:
        old_count = int(old_count or 1)
        new_count = int(new_count or 1)
        first = int(old_start) if old_count else int(old_start) + 1
        while line < first:
            numbers[line] = line + shift
            line += 1
        for _ in range(old_count):
            numbers[line] = None
            line += 1
        shift += new_count - old_count
    for rest in range(line, total + 1):
        numbers[rest] = rest + shift
    return numbers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository")
    parser.add_argument("modules")
    parser.add_argument("--mtrace", default="mtrace")
    options = parser.parse_args()
    HERE.mkdir(exist_ok=True)
    for tag in (OLD, NEW):
        release(options.repository, tag, options.modules, HERE / f"jinja-{tag}.zst")
    moves = []
    maps = {}
    for filename, lineno in sorted(lines_that_hold(HERE / f"jinja-{OLD}.zst", options.mtrace)):
        path = "src" + filename[len(str(SITE)) :]
        if path not in maps:
            maps[path] = new_numbers(options.repository, path)
        moves.append(f"{filename}:{lineno} {maps[path][lineno] or '-'}\n")
    (HERE / "moves.txt").write_text("".join(moves))


if __name__ == "__main__":
    main()
