"""Controllers: each gathers what is known of a key, has the next step decided, and takes it. Nothing is decided here.

executions      the life of executions, by the plan that they are of
preparing       snapshot, graph and Workflow of an execution
gathering       everything that a decision about an execution is made from
acting          one step, one write
plans, workflows
                whether each is valid, in its status
templates       the WorkflowTemplates of plans that are Ready
limits          finished executions that go
"""
