"""Telling people: what is told of an upgrade, to whom, and in which envelope. Nothing here sends anything."""
