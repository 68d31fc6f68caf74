"""How an estimator's model is trained: the paper's loop, or our own exact lower level."""
