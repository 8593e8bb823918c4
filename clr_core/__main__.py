"""``python -m clr_core`` is ``clr``."""

import sys

from clr_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
