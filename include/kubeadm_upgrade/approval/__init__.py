"""Approval: who has to agree to a path before it begins, what exactly they agree to, and when they are asked again."""
