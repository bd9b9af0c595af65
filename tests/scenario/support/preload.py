# SPDX-License-Identifier: MIT
"""The environment of a process that is to find a library of ours before all others."""
import os

SANITIZER = "ASAN_OPTIONS"  # which else insists on being the first


def preloading(library, **more):
    options = ":".join(filter(None, [os.environ.get(SANITIZER), "verify_asan_link_order=0"]))
    return {"LD_PRELOAD": str(library), SANITIZER: options, **more}
