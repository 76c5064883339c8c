"""python3 -m installation: make .venv anew. Run by make when it is missing or out of date, in the checkout.

An old Python must get as far as the sentence below, so nothing in this file is newer than Python 2.7.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    version = ".".join(map(str, sys.version_info[:3]))
    sys.exit(
        sys.executable + " is Python " + version + "; Python 3.11 or later is needed. "
        "Say make PYTHON=/path/to/python3.11 ..."
    )

from installation.install import main

sys.exit(main())
