"""Endless made videos with exact truth: masks, flow, depth, cameras, tracks and matching pairs, from a seed alone.

A scene is a stack of flat layers, each parallel to the picture of the camera at rest, seen by a moving pinhole camera.
Every step from the material of a layer to the picture (a bend, an affine map, a plane homography) has an inverse in
closed form; so truth is computed, not estimated, between any two frames. Start at `world.SyntheticVideos`.

Coordinates: x to the right, y down, in pixels, the centre of the first pixel at (0, 0). Time is the index of the frame.
"""
