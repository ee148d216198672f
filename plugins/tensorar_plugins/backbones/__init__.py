"""Networks. The first one that suits the shape of the data and the head is the one chosen by default."""

from tensorar import Backbone
from tensorar_plugins.backbones.convnet import ConvNet
from tensorar_plugins.backbones.fvsbn import FVSBN
from tensorar_plugins.backbones.made import MADE
from tensorar_plugins.backbones.mlp import MLP
from tensorar_plugins.backbones.nade import NADE
from tensorar_plugins.backbones.pixel_rnn.diagonal_bilstm import DiagonalBiLSTM
from tensorar_plugins.backbones.pixel_rnn.row_lstm import RowLSTM
from tensorar_plugins.backbones.pixelcnn.gated import GatedPixelCNN
from tensorar_plugins.backbones.pixelcnn.pixelcnn import PixelCNN
from tensorar_plugins.backbones.pixelsnail.network import PixelSNAIL
from tensorar_plugins.backbones.regression import Regression
from tensorar_plugins.backbones.rnn import RNN
from tensorar_plugins.backbones.transformer import Transformer
from tensorar_plugins.backbones.unet import UNet

ALL: list[type[Backbone]] = [
    FVSBN,
    ConvNet,
    Regression,
    MLP,
    UNet,
    NADE,
    MADE,
    RNN,
    Transformer,
    PixelCNN,
    GatedPixelCNN,
    PixelSNAIL,
    RowLSTM,
    DiagonalBiLSTM,
]
