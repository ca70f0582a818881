"""Networks of the SAM 2 family: tensors in, tensors out; what a user did so far is kept in `tools.segmentation`."""
