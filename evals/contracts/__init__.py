"""Contract suites: what every implementation must do; the tests run them over all that is registered."""
