"""Scenes and what shows them: text, HTML and figures."""
