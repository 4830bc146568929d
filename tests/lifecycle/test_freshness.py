"""Whether a job is up to date: tables of single cases, and random workflows against a slow truth."""

from __future__ import annotations
