"""Entry point: reads commands as JSON lines, answers as JSON lines, until `quit` or the end of input.

Started as `blender --background ... --python main.py -- --fd-out 3`, or as `python main.py -- --fd-out 3`
with the bpy module installed. Commands come on standard input; answers go to their own descriptor, since
Blender and its add-ons print what they like on the standard ones.
"""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from driver import loop  # noqa: E402  (the path above makes the package importable)

if __name__ == "__main__":
    loop.serve(sys.argv)
