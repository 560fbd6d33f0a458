"""The levels above ``process``: what a model's process gives up before it becomes the model's program.

The launcher imports `confining` and what that needs: no more than the C halves of modules. The rest runs in nova-spi.
"""
