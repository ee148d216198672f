"""Networks."""

from tensorar_plugins.backbones.convnet import ConvNet
from tensorar_plugins.backbones.fvsbn import FVSBN
from tensorar_plugins.backbones.mlp import MLP

ALL = [ConvNet, MLP, FVSBN]
