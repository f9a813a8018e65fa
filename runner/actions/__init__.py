"""What actions do: one module a type, forward and revert side by side; `runner.support` knows which there are."""
