"""Tools that show frames to a vision model: look, caption, and the ladder of overview, skim and focus."""
