"""The PixelCNN and the Gated PixelCNN."""
