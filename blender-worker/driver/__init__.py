"""Runs inside Blender and does what the worker asks over a pipe, one command at a time."""
