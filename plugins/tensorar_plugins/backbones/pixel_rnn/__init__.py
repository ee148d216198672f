"""The PixelRNNs: Row LSTM and Diagonal BiLSTM."""
