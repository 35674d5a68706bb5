"""What needs no Blender: talking to a farm, sending, downloading, names of files. The standard library and no more.

Blender's window uses it for short questions; `child.py` runs it in a process of its own for all that takes long.
"""
