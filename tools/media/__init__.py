"""Reading and writing video and sound. The only place that opens media files (PyAV)."""
