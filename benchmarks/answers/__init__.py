"""The answers of reports, tried on simulated studies in which the truth is known.

world     test rows that each learn at their own pace, and trainings with chance in them
curve     does the learning curve's interval hold the loss at a size that was left out?
worth     are planted worths of generated rows recovered?
stopping  are studies that end themselves right at every look, and sooner than planned ones?
power     does what a pilot foretells come true?
results   the result file
"""
