"""What is drawn in Blender's window."""
