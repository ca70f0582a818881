"""MAMBA: detection of known classes in video, with a memory of the whole video at a bounded cost per frame."""
