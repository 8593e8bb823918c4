"""``python -m clr_core`` is ``clr``."""

import sys

if __name__ == "__main__":
    try:
        from clr_core.cli import main

        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
