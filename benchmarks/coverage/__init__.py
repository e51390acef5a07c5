"""Whether intervals hold what they say they hold: by simulation, for every interval of the API.

texts      where texts are drawn from: a law of its own, or the rows of a file
designs    how rows are drawn: by themselves, several of a prompt, in pairs, sides of unequal size, with
copies draws      many draws of a design, measured as the API does
"""
