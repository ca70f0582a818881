"""CATR: which pixels make the sound (audio-queried segmentation)."""
