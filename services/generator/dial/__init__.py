"""The diversity dial: a wanted value of a diversity measure, reached by moving what moves it.

`search` decides (pure), `knobs` says what a setting means, `dialling` makes rows, measures and decides again.
"""
