"""The runs of an experiment side by side: a table, what it says, pictures, and a page that stands alone.

More than fifteen files side by side: they are the steps of one report, and each reads those before it.

runs, conditions, estimates           the trainings, grouped by what differs, and what their losses come to
lengths, correlations, power          whether trained to its best; what goes with loss; what seeds can show
worth, worth_told                     what a generated row is worth in real ones
verdicts, recommending, answer        what was tried against what, and what follows
held_out                              a verdict for each test set
findings, plain, table, drawing, page how it is told
"""
