"""The rivals: every other learner of the tables, behind one scikit-learn surface.

`registry.make_rival` builds one by name; `registry.RIVALS` says where each comes from. A rival
takes arrays or data frames with gaps and categories, and never prints, warns or writes files.
"""
