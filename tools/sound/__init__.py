"""What can be heard besides words: silence, loud moments, tones, speech-like sound."""
