"""Convolutional networks with batch normalisation, for flat images as data sets give them."""

from __future__ import annotations

from torch import Tensor, nn

Shape = tuple[int, int, int]
"""Channels, height and width of an image."""


def lenet(shape: Shape, classes: int) -> nn.Sequential:
    """LeNet-5 (LeCun et al., 1998) in today's form: ReLU, max-pooling, batch normalisation after each convolution.

    :param shape: of the images that an example's flat inputs hold: sides of 28 pixels, which are padded to 32 as in the
        original, or of 32.
    :param classes: how many outputs to give.
    """
    channels, side, _ = shape
    return nn.Sequential(
        nn.Unflatten(1, shape),
        *_filters(channels, 6, padding=(32 - side) // 2),
        *_filters(6, 16, padding=0),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, classes),
    )


def _filters(before: int, after: int, padding: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, 5, padding=padding),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]


def residual(shape: Shape, classes: int, width: int) -> nn.Sequential:
    """A residual network (He et al., arXiv:1512.03385) of three blocks; each halves the image but the first.

    :param shape: of the images that an example's flat inputs hold.
    :param classes: how many outputs to give.
    :param width: channels of the first block; the second has twice as many, the third four times.
    """
    return nn.Sequential(
        nn.Unflatten(1, shape),
        nn.Conv2d(shape[0], width, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        Block(width, width, stride=1),
        Block(width, 2 * width, stride=2),
        Block(2 * width, 4 * width, stride=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4 * width, classes),
    )


class Block(nn.Module):
    """Two convolutions whose result is added to the inputs, which a third one brings to its shape where they differ."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.changes = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut: nn.Module = nn.Identity()
        if before != after or stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, images: Tensor) -> Tensor:
        """From `[N, before, H, W]` to `[N, after, H / stride, W / stride]`."""
        added: Tensor = self.changes(images) + self.shortcut(images)
        return added.relu()
