"""Sets of parameter vectors, described by their structure so that they can be scored cheaply.

From outside: the sets themselves (`sets`, `perturbed`, `low_rank`; authors take them from `nogd`), and `scoring`, which
chooses what scores which set. `noise` is where seeds become numbers.
"""

from __future__ import annotations
