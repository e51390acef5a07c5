"""Studies that may be looked at while they run, and how large they must be.

confidence  an interval of a mean that holds at every number of seeds together
stopping    better, worse, equivalent, or not decided yet; and whether another seed can still decide it
power       which change shows with so many test rows and seeds, and how many a smaller one takes
"""
