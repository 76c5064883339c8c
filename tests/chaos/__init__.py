"""Whole upgrades while everything that can be killed or cut off is, at every step: docs/chaos.md."""
