"""The rules with which an installation begins; from then on they are its own.

Told as YAML, because that is how people read and change them.
"""

from __future__ import annotations

from typing import Final

STARTER_FILE: Final = "starter.yaml"
STARTER: Final = """\
rules:
  - code: line-down
    name: Line down
    condition: {kind: line_down, percent: 100}
    priority: critical
    response: Go to the line; find out what stopped all of its machines.
  - code: machine-down
    name: Machine down
    condition: {kind: machine_down}
    priority: high
    response: Go to the machine; repair it, or tell maintenance and the planner how long it takes.
    suppressed_by: [line-down]
  - code: no-parts
    name: No parts
    condition: {kind: machine_down, states: [idle], reasons: [no_parts, starved]}
    variant: no-parts
    priority: medium
    response: Bring parts to the machine, or find out where they are.
    on_delay_s: 120
    off_delay_s: 30
    suppressed_by: [line-down]
  - code: machine-silent
    name: Machine silent
    condition: {kind: machine_silent, minutes: 5}
    priority: medium
    during: shift
    response: Look whether the machine is switched on, then at its network and gateway.
    suppressed_by: [gateway-offline]
  - code: pace-low
    name: Pace below plan
    condition: {kind: pace_below, percent: 70, dead_band: 10}
    priority: low
    during: shift
    response: Ask the operator what slows the machine down; give the reason at the terminal.
    on_delay_s: 900
    off_delay_s: 120
    suppressed_by: [machine-down, line-down]
  - code: scrap-high
    name: Scrap rate high
    condition: {kind: scrap_rate, percent: 5, window_minutes: 60, dead_band: 1}
    priority: medium
    response: Stop, look at the last pieces, call quality.
    off_delay_s: 300
  - code: order-at-risk
    name: Order at risk
    condition: {kind: order_at_risk, minutes: 60}
    priority: low
    response: Look why on the order's page; ask the planner what would help.
    on_delay_s: 300
    off_delay_s: 300
  - code: order-late
    name: Order late
    condition: {kind: order_late, minutes: 1}
    priority: medium
    response: Tell the customer the new date and its reason.
  - code: shortage
    name: Material short
    condition: {kind: shortage, within_hours: 72}
    priority: low
    response: Order it, have it made, or move the work that needs it.
    off_delay_s: 300
  - code: plan-infeasible
    name: No plan possible
    condition: {kind: plan_infeasible}
    priority: high
    response: Look at the facts that contradict each other, and change one of them.
  - code: dead-letters
    name: Messages refused
    condition: {kind: dead_letters, count: 10, window_minutes: 10}
    priority: low
    response: Look at the refused messages; mend the sender, then send them round again.
  - code: gateway-offline
    name: Gateway offline
    condition: {kind: gateway_offline, seconds: 30}
    priority: high
    response: Look at the gateway's machine, power and network; it keeps what it receives meanwhile.
"""
