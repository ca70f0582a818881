"""gim_dkm: dense matching, a place in the other picture for every pixel (Edstedt et al., arXiv 2202.00667)."""
