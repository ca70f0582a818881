"""GIM: a matcher that learns from videos (Shen et al., ICLR 2024, arXiv 2402.11095)."""
