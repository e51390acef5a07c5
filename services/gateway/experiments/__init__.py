"""Experiments: recipes, advice and studies that end themselves, from a document to a graph of jobs that the
coordinator runs. It holds more files than most folders because each step of that way has one of its own.

graph, references        a recipe's steps and what they refer to
expansion, plan          every job it may take, before anything runs
row_counts, stopping     what is checked of its datasets, and where it may end before the last seed
coordination, …_pass     short passes: read what has ended, submit what can start
plan_state, spending     how it stands, and what it may spend
builtin, advice, calls   where recipes come from, and what they cost at least
held_out                 several test sets in a recipe that was written for one
"""
