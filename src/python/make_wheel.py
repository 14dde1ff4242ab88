"""Makes the package's metadata, and wheels, from what the build has made. Needs no network.

    make_wheel.py facts
    make_wheel.py info FOLDER --version V --tag T
    make_wheel.py wheel FOLDER --version V --tag T --package FOLDER
                  [--module FILE]... [--beside FILE]... [--script FILE]... [--library FILE]...

`facts` tells CMake about the interpreter that runs this: version; headers; tag of wheels; site
folder, where packages go below a prefix. `info` writes what an installed package tells others (pip list, pytest's plugins); `wheel` writes a
wheel into FOLDER. The same input gives the same bytes.
"""

import argparse
import base64
import hashlib
import os
import platform
import sys
import sysconfig
import zipfile
from pathlib import Path

NAME = "mtrace"
SUMMARY = "Which lines of a Python program hold its memory, what grew, and what made the peak"
ENTRY_POINTS = "[pytest11]\nmtrace = pytest_mtrace\n"
LICENSE = Path(__file__).resolve().parents[2] / "LICENSE"
# Files of the package; everything else in its folder is left out.
SUFFIXES = (".py", ".pyi", ".typed")
# The earliest that a zip file can hold.
DATE = (1980, 1, 1, 0, 0, 0)


def site_folder():
    """Relative to the prefix: Debian's own Python looks in dist-packages below /usr/local."""
    scheme = "posix_local" if "posix_local" in sysconfig.get_scheme_names() else "posix_prefix"
    base = "/prefix"
    path = sysconfig.get_path("platlib", scheme, {"base": base, "platbase": base})
    # Debian's scheme has the "local" in it that the prefix brings already.
    return os.path.relpath(path, base).replace("local/", "", 1)


def print_facts(_):
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = f"cp{version.replace('.', '')}"
    tag = f"{python}-{python}{sys.abiflags}-{platform.system().lower()}_{platform.machine()}"
    print(";".join([version, sysconfig.get_path("include"), tag, site_folder()]))


def metadata(version):
    return (
        f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\nSummary: {SUMMARY}\n"
        "License: Apache-2.0\nRequires-Python: >=3.9,<3.14\n"
        "Classifier: Framework :: Pytest\nClassifier: Operating System :: POSIX :: Linux\n"
        "Classifier: Programming Language :: Python :: Implementation :: CPython\n"
        "Classifier: Typing :: Typed\n"
    )


def wheel_file(tag):
    return f"Wheel-Version: 1.0\nGenerator: {NAME}\nRoot-Is-Purelib: false\nTag: {tag}\n"


def info_files(version, tag):
    """Name and bytes of each file in the folder of metadata."""
    texts = {
        "METADATA": metadata(version),
        "WHEEL": wheel_file(tag),
        "entry_points.txt": ENTRY_POINTS,
        "top_level.txt": f"{NAME}\n{NAME}_startup\npytest_{NAME}\n",
    }
    return {name: text.encode() for name, text in texts.items()} | {
        "LICENSE": LICENSE.read_bytes()
    }


def write_info(arguments):
    folder = Path(arguments.folder) / f"{NAME}-{arguments.version}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in info_files(arguments.version, arguments.tag).items():
        (folder / name).write_bytes(data)
    (folder / "INSTALLER").write_text("cmake\n")


def contents(arguments):
    """What goes into the wheel: (name, bytes, may be executed)."""
    data = f"{NAME}-{arguments.version}.data"
    for path in sorted(Path(arguments.package).iterdir()):
        if path.suffix in SUFFIXES:
            yield f"{NAME}/{path.name}", path.read_bytes(), False
    for path in arguments.module:
        yield f"{NAME}/{Path(path).name}", Path(path).read_bytes(), True
    for path in arguments.beside:
        yield Path(path).name, Path(path).read_bytes(), False
    for path in arguments.script:
        yield f"{data}/scripts/{Path(path).name}", Path(path).read_bytes(), True
    for path in arguments.library:
        yield f"{data}/data/lib/{Path(path).name}", Path(path).read_bytes(), True
    for name, text in info_files(arguments.version, arguments.tag).items():
        yield f"{NAME}-{arguments.version}.dist-info/{name}", text, False


def record_line(name, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n"


def add(wheel, name, data, executable=False):
    entry = zipfile.ZipInfo(name, DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = (0o100755 if executable else 0o100644) << 16
    wheel.writestr(entry, data)


def write_wheel(arguments):
    path = Path(arguments.folder) / f"{NAME}-{arguments.version}-{arguments.tag}.whl"
    record = ""
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data, executable in contents(arguments):
            add(wheel, name, data, executable)
            record += record_line(name, data)
        name = f"{NAME}-{arguments.version}.dist-info/RECORD"
        add(wheel, name, (record + f"{name},,\n").encode())
    print(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    commands.add_parser("facts").set_defaults(function=print_facts)
    for name, function in (("info", write_info), ("wheel", write_wheel)):
        command = commands.add_parser(name)
        command.set_defaults(function=function)
        command.add_argument("folder")
        command.add_argument("--version", required=True)
        command.add_argument("--tag", required=True)
    command.add_argument("--package", required=True)
    for name in ("module", "beside", "script", "library"):
        command.add_argument(f"--{name}", action="append", default=[])
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
