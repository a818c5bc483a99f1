"""`python -m tests.releases STORE`: its statements on standard output."""

import sys
from pathlib import Path

from tests.releases import dump

sys.stdout.writelines(f"{line}\n" for line in dump(Path(sys.argv[1])))
