"""What a generated row is worth in real rows, read off the learning curve of the real ones.

curves   loss against the number of real rows: a power law, or any falling curve
rates    conditions with generated rows on that curve: the real rows that would do as much, with intervals
"""
