"""Hypothesis profiles: `default` is quick; `HYPOTHESIS_PROFILE=thorough` is that of .ci/run, as repeatable;
`long` looks for news.  A test that wants more or fewer examples wants a share of the profile's."""

import os

from hypothesis import HealthCheck, settings

for name, examples in (("default", 25), ("thorough", 100)):
    settings.register_profile(name, max_examples=examples, deadline=None, derandomize=True, database=None)
settings.register_profile(
    "long", max_examples=3000, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
