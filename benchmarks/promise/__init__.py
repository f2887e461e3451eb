"""How long "when could you deliver?" takes while a thousand operations are planned.

An installation of its own (embedded defaults) gets machines with alternatives and set-ups, items of
five steps and released orders. Once their plan is in force, dates are asked for one after the other
by `POST /v1/promises`, as somebody on the phone does: material, the plan's gaps, and who would be
later for an earlier date.
"""
