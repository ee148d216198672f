"""Layers and tables shared by several backbones."""
