"""``python -m rilievo``."""

import sys

from rilievo.cli import main

sys.exit(main())
