"""The API of OpenAI, for its clients: models, chat completions, responses, files."""
