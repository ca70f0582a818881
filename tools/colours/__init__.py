"""Colours: names, regions of a colour, dominant colours."""
