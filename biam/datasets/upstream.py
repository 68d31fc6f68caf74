"""Files of the real tables: where upstream keeps them and how to know them."""

from biam.datasets.store import RemoteFile

__all__ = [
    "ADULT_TEST",
    "ADULT_TRAIN",
    "GERMAN",
    "GIVE_ME_SOME_CREDIT",
    "HELOC",
    "TAIWAN",
    "TAIWAN_OPENML",
]

_UCI_FILES = "https://archive.ics.uci.edu/ml/machine-learning-databases"
# Data id of the OpenML copy.
TAIWAN_OPENML = 42477

ADULT_TRAIN = RemoteFile(
    dataset="adult",
    name="adult.data",
    sha256="5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
    bytes=3_974_305,
    url=f"{_UCI_FILES}/adult/adult.data",
    source="UCI Machine Learning Repository 2 (Adult), training part",
)
ADULT_TEST = RemoteFile(
    dataset="adult",
    name="adult.test",
    sha256="a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
    bytes=2_003_153,
    url=f"{_UCI_FILES}/adult/adult.test",
    source="UCI Machine Learning Repository 2 (Adult), test part",
)
GERMAN = RemoteFile(
    dataset="statlog-german-credit",
    name="german.data",
    sha256="b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871",
    bytes=79_793,
    url=f"{_UCI_FILES}/statlog/german/german.data",
    source="UCI Machine Learning Repository 144 (Statlog German Credit), symbolic form",
)
TAIWAN = RemoteFile(
    dataset="default-credit-card",
    name="default_of_credit_card_clients.csv",
    sha256="9dc981540a6e93a868c943fd1b08dea87a123132108396c6bc5c7b0590f125a4",
    bytes=None,
    url=None,
    source=(
        "UCI Machine Learning Repository 350 (Default of Credit Card Clients) exported to CSV with "
        f"one header line and columns ID, X1 .. X23, Y; fetched from OpenML {TAIWAN_OPENML}"
    ),
    checked="values",
)
GIVE_ME_SOME_CREDIT = RemoteFile(
    dataset="give-me-some-credit",
    name="cs-training.csv",
    sha256="1bd46da486a5708c58c7b01a034fae2a13b327f6f7b62ea7ba4fe3b5824b24ac",
    bytes=7_564_965,
    url=None,
    source=(
        "Kaggle competition GiveMeSomeCredit (account needed), "
        "https://www.kaggle.com/c/GiveMeSomeCredit/data"
    ),
)
HELOC = RemoteFile(
    dataset="heloc",
    name="heloc_dataset_v1.csv",
    sha256="cf1ea7cad21b648d882854655c94a8826eaa2d1d5a64c34c8e664259bdff2fa6",
    bytes=None,
    url=None,
    source=(
        "FICO Explainable Machine Learning Challenge (registration needed), "
        "https://community.fico.com/s/explainable-machine-learning-challenge"
    ),
    checked="values",
)
