"""The as-of join: which operation ran on this machine when this piece was counted?

`seen` keeps which numbers a publisher has used, `standing` folds one object after the other, `past`
puts the objects into their order and folds again what a late one changes.
"""
