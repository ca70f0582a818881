"""Network parts that several models share."""
