"""What is read from the scene that is open: settings, names of its files, what it needs, what is wrong with it."""
