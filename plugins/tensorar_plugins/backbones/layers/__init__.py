"""Layers and tables that several backbones use."""
