"""The whole suite on one machine, with neither root nor containers: real processes, a real queue, a folder.

processes   which processes there are, and with which settings
suite       starting and stopping them, under supervisor
client      the gateway's API as a script would call it
demo        the main job, from rows to a report
display     how it goes, for a person at a terminal
__main__    the commands: up, down, status, demo
"""
