"""Bytes in, values out. Nothing here opens a file, asks the network, reads a clock or draws a random number.

`manifests/FORMAT.md` is the specification; each module opens with the part that it implements.
"""
