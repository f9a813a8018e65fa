"""What people see of plans and executions: trees, tables, live views and drawings.

Most of it is pure, from JSON-shaped objects or a graph to text: `outline` reads an execution, `focus` makes it fit on a
screen, `tree` lays it out, `findings` says what went wrong, `changes` what is new, `tables` lists, `mermaid` and `dot`
draw a graph, `compare` tells two graphs apart. Only `terminal`, `rich_tree` and `live` know where the text goes; `rich`
is imported when there is a terminal that can show it.
"""
