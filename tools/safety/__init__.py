"""The safety gate: what is asked, what is generated and what comes out of it (GPT4Video, arXiv 2311.16511)."""
