"""Examples that run: each is executed by the tests."""
