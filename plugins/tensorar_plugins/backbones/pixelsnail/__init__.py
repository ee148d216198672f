"""PixelSNAIL: masked convolutions and attention in turns."""
