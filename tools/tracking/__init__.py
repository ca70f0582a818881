"""Motion: of the camera, and of things apart from it."""
