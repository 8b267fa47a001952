"""Images of containers in which a server of clients runs."""

from __future__ import annotations

import os

IMAGES = os.environ.get("LITELLM_TEST_LITELLM_IMAGES", "").split()
# Without one there is no container.
collect_ignore = [] if IMAGES else ["test_container.py"]
