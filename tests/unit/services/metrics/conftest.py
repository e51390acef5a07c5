"""Settings of the property tests here."""

from hypothesis import settings

# No example has a deadline: the first may compile kernels, and the machine may be busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
