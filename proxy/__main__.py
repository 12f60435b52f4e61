"""`python -m proxy` is `gatepost`."""

import sys

from proxy.cli import main

sys.exit(main())
