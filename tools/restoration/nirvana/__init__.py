"""NIRVANA: a video as small networks, one for each group of frames. Start at `codec`."""
