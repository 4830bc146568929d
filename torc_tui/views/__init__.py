"""Turn records and events into what users see: rows, progress, explanations, graphs, JSON."""
