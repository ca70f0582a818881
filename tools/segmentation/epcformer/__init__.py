"""EPCFormer: segment through a clip what words, sound or both refer to."""
