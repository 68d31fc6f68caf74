"""Files of the image sets: where upstream keeps them and how to know them."""

from biam.datasets.store import RemoteFile

__all__ = ["CIFAR10_BATCHES", "CIFAR10_LABELS", "MNIST"]

_MNIST_MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist"


def _mnist(name: str, sha256: str, size: int) -> RemoteFile:
    """One of the four idx files; its unpacked bytes are checked, so any gzip of them serves."""
    return RemoteFile(
        dataset="mnist",
        name=name,
        sha256=sha256,
        bytes=size,
        url=f"{_MNIST_MIRROR}/{name}.gz",
        source="MNIST database (LeCun, Cortes, Burges), mirror of the PyTorch project",
    )


# Training images and labels, then test images and labels.
MNIST = (
    _mnist(
        "train-images-idx3-ubyte",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        47_040_016,
    ),
    _mnist(
        "train-labels-idx1-ubyte",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        60_008,
    ),
    _mnist(
        "t10k-images-idx3-ubyte",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        7_840_016,
    ),
    _mnist(
        "t10k-labels-idx1-ubyte",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        10_008,
    ),
)


def _cifar10(name: str, sha256: str, size: int, content: str) -> RemoteFile:
    return RemoteFile(
        dataset="cifar-10",
        name=name,
        sha256=sha256,
        bytes=size,
        url=None,
        source=(
            f"{content} of data_batch_1 of CIFAR-10 (Krizhevsky 2009); the pictures can be fetched "
            "from the older history of karpathy/convnetjs on GitHub, whose files differ in name"
        ),
    )


CIFAR10_BATCHES = tuple(
    _cifar10(f"cifar10_batch_{k}.png", sha256, size, f"images {1000 * k} to {1000 * k + 999}")
    for k, (sha256, size) in enumerate(
        (
            ("0614720d69293a033786d5fe2924c4e9a9b48874f19ca4627c4662a864ee9f2d", 2_318_456),
            ("2927e26ea68602e34a7424826b76b7336ce36b8f6bcc2e9fce0c05568ff6b4c1", 2_326_379),
            ("0b2759e307bb405bb1a6531f8a0f557eaec46d7546050612fdb836f0fa60eae0", 2_312_906),
            ("a4530ff15c83886058a97c352f53f38be07d191de8f410e998e91786b5900a26", 2_328_590),
        )
    )
)
CIFAR10_LABELS = _cifar10(
    "cifar10_labels_first4000.csv",
    "adaba192a171a230ba720c03d1b0c29ca923e0d8fcf313efb928b7704619cd09",
    146_284,
    "labels 0 to 3999",
)
