"""What-if: drafts, the planner's drag, why an order is late, the price of a rush order."""
