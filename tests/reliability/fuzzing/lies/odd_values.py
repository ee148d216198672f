"""Values of JSON that no field expects."""

from __future__ import annotations

import math

ODD_JSON = (-1, math.nan, math.inf, -math.inf, "x", "", None, True, 1e30, 10**30, [], {}, 0, 0.5, 2**63, "\x1b[31m")
