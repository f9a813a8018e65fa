"""Measurements, each against a peer in the same run. No test is timed; a missed figure fails `make bench` only."""
