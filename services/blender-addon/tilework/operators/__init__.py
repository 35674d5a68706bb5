"""What a button or a script can ask for: `bpy.ops.tilework.…`."""
