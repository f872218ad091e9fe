"""Looking at a file that nobody has described yet: its dialect, its columns, a project to begin with."""
