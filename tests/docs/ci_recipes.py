#!/usr/bin/env python3
"""Runs what GUIDE.md gives people for their CI, as far as a machine without GitHub and GitLab can.

    tests/docs/ci_recipes.py --mtrace PATH

The workflows are parsed, and what they run is run: in clones of a repository with the example of the
guide, for a pull request that costs memory, which must fail, and for one that does not. What `uses:`
and `image:` bring is not there. The container's recipe is parsed and compared with what there is; no
image is made.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

import yaml

sys.dont_write_bytecode = True

import pages  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEMO = ROOT / "tests" / "demo"
PACKAGING = ROOT / "src" / "packaging" / "debian.cmake"
SECONDS = 120


class Failure(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(what)


class Repository:
    """Of the example, with a branch for each pull request."""

    BRANCHES = {"costly": "median.patch", "harmless": None}

    def __init__(self, folder, mtrace, files):
        self.folder = folder
        (folder / "bin").mkdir()
        (folder / "bin" / "mtrace").symlink_to(mtrace)
        self.environment = {
            "PATH": f"{folder}/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "CI": "true",
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        self.origin = folder / "origin"
        self.origin.mkdir()
        self.git("config", "--global", "user.name", "ada")
        self.git("config", "--global", "user.email", "ada@example.com")
        self.git("init", "--quiet", "--initial-branch=main")
        for name in ("statement.cpp", "Makefile"):
            shutil.copy(DEMO / name, self.origin)
        for name in ("memory.sh", ".github/workflows/memory.yml", ".gitlab-ci.yml"):
            (self.origin / name).parent.mkdir(parents=True, exist_ok=True)
            (self.origin / name).write_text(files[name], encoding="utf-8")
        self.commit("Begin")
        for branch, patch in self.BRANCHES.items():
            self.git("switch", "--quiet", "--create", branch, "main")
            if patch:
                self.git("apply", str(DEMO / patch))
            else:
                self.git("mv", "Makefile", "makefile")
            self.commit(f"The change that is {branch}")

    def git(self, *arguments, folder=None):
        done = subprocess.run(
            ["git", *arguments], cwd=folder or self.origin, env=self.environment, stdout=subprocess.PIPE, check=True
        )
        return done.stdout.decode().strip()

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def checkout(self, branch, name):
        """A new clone, as a CI makes one for a pull request from that branch."""
        folder = self.folder / name
        self.git("clone", "--quiet", str(self.origin), str(folder))
        self.git("switch", "--quiet", "--detach", f"origin/{branch}", folder=folder)
        return folder

    def run(self, script, folder, shell, **variables):
        """The status of a script, and what it printed."""
        done = subprocess.run(
            [*shell, script],
            cwd=folder,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
        )
        return done.returncode, done.stdout.decode()


# --- GitHub ---


def check_workflow(workflow):
    """As much of GitHub's rules as these snippets need; YAML 1.1 reads `on` as true."""
    check(set(workflow) <= {"name", True, "permissions", "jobs"}, f"keys of a workflow: {set(workflow)}")
    check(workflow[True] == "pull_request", "it is for pull requests")
    for name, job in workflow["jobs"].items():
        check(set(job) <= {"runs-on", "container", "steps"}, f"keys of the job {name}: {set(job)}")
        check("runs-on" in job and job["steps"], f"the job {name} says where it runs, and has steps")
        for step in job["steps"]:
            check(("run" in step) != ("uses" in step), f"a step runs or uses something: {step}")
            check(set(step) <= {"name", "if", "run", "uses", "with"}, f"keys of a step: {step}")
            check("uses" not in step or re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+", step["uses"]), f"what is used: {step}")
            check(step.get("if", "always()") in ("always()", "failure()"), f"when it runs: {step}")


def run_workflow(workflow, repository, branch):
    """Whether the job succeeds, what it prints, and its summary."""
    folder = repository.checkout(branch, f"github-{branch}")
    summary = repository.folder / f"summary-{branch}"
    variables = {"GITHUB_BASE_REF": "main", "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_ACTIONS": "true"}
    (job,) = workflow["jobs"].values()
    good, output = True, ""
    for step in job["steps"]:
        wanted = {None: good, "always()": True, "failure()": not good}[step.get("if")]
        if "run" not in step or not wanted:
            continue
        # The shell of a job in a container.
        status, printed = repository.run(step["run"], folder, ["sh", "-ec"], **variables)
        good, output = good and status == 0, output + printed
    return good, output, summary.read_text(encoding="utf-8") if summary.exists() else ""


def check_github(files, repository):
    workflow = yaml.safe_load(files[".github/workflows/memory.yml"])
    check_workflow(workflow)
    good, output, summary = run_workflow(workflow, repository, "harmless")
    check(good, f"the harmless pull request fails:\n{output}")
    good, output, summary = run_workflow(workflow, repository, "costly")
    check(not good, f"the costly pull request passes:\n{output}")
    check("`statement.cpp:" in summary and "**new**" in summary, f"the summary has the lines:\n{summary}\n{output}")
    annotations = [line for line in output.splitlines() if line.startswith("::error ")]
    changed = [line for line in annotations if line.startswith("::error file=statement.cpp,line=27,")]
    check(len(annotations) <= 10 and changed, f"the changed line is annotated:\n{output}")


# --- GitLab ---


def check_gitlab(files, repository):
    (job,) = yaml.safe_load(files[".gitlab-ci.yml"]).values()
    check(set(job) <= {"image", "rules", "variables", "script", "artifacts"}, f"keys of a job: {set(job)}")
    check(all(set(rule) == {"if"} for rule in job["rules"]), "rules are conditions")
    for branch, expected in (("harmless", True), ("costly", False)):
        folder = repository.checkout(branch, f"gitlab-{branch}")
        base = repository.git("merge-base", "origin/main", "HEAD", folder=folder)
        variables = {name: str(value) for name, value in job["variables"].items()}
        variables |= {"CI_MERGE_REQUEST_DIFF_BASE_SHA": base, "GITLAB_CI": "true"}
        status, output = repository.run("\n".join(job["script"]), folder, ["bash", "-eo", "pipefail", "-c"], **variables)
        check((status == 0) == expected, f"the {branch} merge request has the status {status}:\n{output}")
        (suite,) = ElementTree.parse(folder / job["artifacts"]["reports"]["junit"]).getroot()
        check(suite.get("failures") == ("0" if expected else "1"), f"the {branch} merge request's report: {suite.attrib}")
        for pattern in job["artifacts"]["paths"]:
            check(list(folder.glob(pattern)), f"the {branch} merge request has no {pattern}")


def check_without_runtime(repository):
    """What cannot be measured must not pass."""
    folder = repository.checkout("harmless", "broken")
    status, output = repository.run("sh memory.sh main", folder, ["sh", "-c"], MTRACE_RUNTIME="/nowhere/libmtrace_rt.so")
    check(status != 0, f"memory.sh passes without a tracer:\n{output}")
    check("\n" not in repository.git("worktree", "list", folder=folder), "the worktree is left behind")


# --- the container ---


def instructions_of(recipe):
    text = recipe.replace("\\\n", " ")
    return [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def check_container(recipe):
    """Stages, packages of ours and the verb that makes them are what there is; the commands can be parsed."""
    stages, installed = set(), []
    for name, rest in instructions_of(recipe):
        check(name in ("FROM", "COPY", "RUN"), f"{name}: no instruction that this test knows")
        if name == "FROM":
            stages |= set(re.findall(r" AS (\S+)$", rest))
        elif name == "RUN":
            subprocess.run(["sh", "-n", "-c", rest], check=True)
            installed += re.findall(r"(?<=[ ])[a-z+-]+(?=[ ])", " ".join(re.findall(r"apt-get install(.*?)&&", rest)))
        else:
            check(set(re.findall(r"--from=(\S+)", rest)) <= stages, f"copies from what is no stage: {rest}")
            ours = set(re.findall(r"/packages/([\w-]+)_\*\.deb", rest))
            known = set(re.findall(r"_PACKAGE_NAME ([\w.-]+)\)", PACKAGING.read_text(encoding="utf-8")))
            check(ours <= known, f"copies the packages {sorted(ours)}, there are {sorted(known)}")
    check({"git", "make", "g++"} <= set(installed), f"what memory.sh uses is installed: {installed}")
    verbs = re.findall(r"/src/dev (\w+)", recipe)
    dev = (ROOT / "dev").read_text(encoding="utf-8")
    check(verbs and all(f"\n  {verb} " in dev for verb in verbs), f"./dev has the verbs {verbs}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mtrace", required=True, help="the command to run")
    mtrace = pathlib.Path(parser.parse_args().mtrace).resolve()
    files = pages.Markdown(ROOT / "GUIDE.md").files()
    with tempfile.TemporaryDirectory(prefix="mtrace-ci-") as name:
        repository = Repository(pathlib.Path(name), mtrace, files)
        try:
            check_github(files, repository)
            check_gitlab(files, repository)
            check_without_runtime(repository)
            check_container(files["Dockerfile"])
        except Failure as failure:
            print(failure, file=sys.stderr)
            return 1
    print("GitHub, GitLab and memory.sh: a harmless change passes, a costly one fails; the container's recipe can be read")
    return 0


if __name__ == "__main__":
    sys.exit(main())
