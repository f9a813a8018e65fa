"""The program in every container of a lane: performs one action, or its revert, at most once.

It stands alone: nothing of the other packages is imported here, every rule about what to run is decided when
compiling. `main` reads the arguments; a runner then waits for its `turn` in the `lane` with nothing imported that
is not needed for waiting, and only then loads `frame`, the records and its action.
"""
