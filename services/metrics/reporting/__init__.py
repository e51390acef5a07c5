"""Reports: runs read into conditions, a verdict on them, and what is said and drawn of it.

It holds more files than most folders because a report says many kinds of things, and each has its own: runs,
conditions and estimates are what it knows; verdicts, worth, power, lengths and correlations what follows;
answer puts these together; recommending, worth_told and findings say it; table, drawing, page and plain
show it.
"""
