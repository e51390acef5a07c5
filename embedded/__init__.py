"""The whole suite on one machine, with neither root nor containers: real processes, a real queue, a folder.

processes   which processes there are, and with which settings
suite       starting and stopping them, under supervisor
client      the gateway's API as a script would call it
probing     what a server that a person names can do
bases       a base model that a person names
rows        what a file of real rows holds
demo        the main job, from rows to a report
display     how it goes, for a person at a terminal
__main__    the commands: up, down, status, demo
"""
