"""Tells CMake about the interpreter that runs this: version; headers; tag; site folder.

The tag is that of wheels. The site folder is where packages go below a prefix.
"""

import os
import platform
import sys
import sysconfig


def site_folder():
    """Relative to the prefix: Debian's own Python looks in dist-packages below /usr/local."""
    scheme = "posix_local" if "posix_local" in sysconfig.get_scheme_names() else "posix_prefix"
    base = "/prefix"
    path = sysconfig.get_path("platlib", scheme, {"base": base, "platbase": base})
    # Debian's scheme has the "local" in it that the prefix brings already.
    return os.path.relpath(path, base).replace("local/", "", 1)


def main():
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = f"cp{version.replace('.', '')}"
    tag = f"{python}-{python}{sys.abiflags}-{platform.system().lower()}_{platform.machine()}"
    print(";".join([version, sysconfig.get_path("include"), tag, site_folder()]))


if __name__ == "__main__":
    main()
