"""How pip and `python -m build` make packages: as setuptools does, with what else a host wants below share/:
units, examples, the schema, and man pages and completions, made anew each time.  pyproject.toml lists it."""

import sys
from pathlib import Path

from setuptools.build_meta import *  # noqa: F403
from setuptools.command.egg_info import manifest_maker

sys.path.append(str(Path(__file__).parent))
import share  # noqa: E402

# What a source package holds beside the code; the top level of the tree is for people.
manifest_maker.template = ".ci/package/manifest.in"
share.write(share.ROOT / "build/share")
