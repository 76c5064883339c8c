"""Pods and budgets on nodes that are drained: by kubectl, and by us."""
