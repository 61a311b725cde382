"""What a build comes to: verdict, stamp and record of a wheel, seal of an sdist.

Nothing here knows hatchling: the hooks in `plugin` hand in plain values and carry out what comes back.
"""
