"""Looks where owners publish their claims: a process of its own, without keys and without the database.

What it is asked and what it answers are one JSON text each (`ask`); whoever it talks to was chosen by a stranger, so
it runs with nothing worth stealing and is ended when its time is up.
"""
