"""Files of the real tables: where upstream keeps them and how to know them."""

from biam.datasets.store import RemoteFile

__all__ = [
    "ABALONE",
    "ADULT_TEST",
    "ADULT_TRAIN",
    "AIRBNB",
    "AUTO_MPG",
    "BIKE",
    "BREAST_CANCER_MSK",
    "BREAST_CANCER_ORIGINAL",
    "CALIFORNIA",
    "COMPAS",
    "CONCRETE",
    "FERTILITY",
    "GERMAN",
    "GIVE_ME_SOME_CREDIT",
    "HEART",
    "HELOC",
    "HEPATITIS",
    "HORSE_COLIC",
    "KIDNEY",
    "MAMMOGRAPHIC",
    "PHARYNGITIS",
    "PIMA",
    "TAIWAN",
    "TAIWAN_OPENML",
    "WINE_RED",
    "WINE_WHITE",
    "Z_ALIZADEH_SANI",
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
ABALONE = RemoteFile(
    dataset="abalone",
    name="abalone.data",
    sha256="de37cdcdcaaa50c309d514f248f7c2302a5f1f88c168905eba23fe2fbc78449f",
    bytes=191_873,
    url=f"{_UCI_FILES}/abalone/abalone.data",
    source="UCI Machine Learning Repository 1 (Abalone)",
)
AUTO_MPG = RemoteFile(
    dataset="auto-mpg",
    name="auto-mpg.data",
    sha256="8c7c1293b295c6076ab5f1106b44d50663d5eb4de043e635012766d02bb39bc1",
    bytes=30_286,
    url=f"{_UCI_FILES}/auto-mpg/auto-mpg.data",
    source="UCI Machine Learning Repository 9 (Auto MPG)",
)
BIKE = RemoteFile(
    dataset="bike-sharing",
    name="hour.csv",
    sha256="e03de4ee4ef4dc376ac6e04bf829673c6269e8eba5c60fa121640fa2f829504f",
    bytes=1_156_736,
    url=None,
    source=(
        "UCI Machine Learning Repository 275 (Bike Sharing), hourly table, to be fetched "
        "from https://archive.ics.uci.edu/dataset/275 and unzipped"
    ),
)
BREAST_CANCER_ORIGINAL = RemoteFile(
    dataset="breast-cancer-wisconsin",
    name="breast-cancer-wisconsin.data",
    sha256="402c585309c399237740f635ef9919dc512cca12cbeb20de5e563a4593f22b64",
    bytes=19_889,
    url=f"{_UCI_FILES}/breast-cancer-wisconsin/breast-cancer-wisconsin.data",
    source="UCI Machine Learning Repository 15 (Breast Cancer Wisconsin, original)",
)
CALIFORNIA = RemoteFile(
    dataset="california-housing",
    name="cal_housing.data",
    sha256="b9d40ce3b41b57e8ac52ecdaebcba902c6960aab9dd78163818328b2c7bfdaa4",
    bytes=None,
    url=None,
    source=(
        "StatLib California Housing (Pace & Barry 1997), cal_housing.data without a "
        "header, to be fetched from "
        "https://www.dcc.fc.up.pt/~ltorgo/Regression/cal_housing.tgz and unpacked"
    ),
    checked="values",
)
CONCRETE = RemoteFile(
    dataset="concrete",
    name="Concrete_Data.xls",
    sha256="8352d218300fb5dcf992d70362cb762467bf241b76711cd02d7a69d0aa643595",
    bytes=124_928,
    url=f"{_UCI_FILES}/concrete/compressive/Concrete_Data.xls",
    source="UCI Machine Learning Repository 165 (Concrete Compressive Strength)",
)
FERTILITY = RemoteFile(
    dataset="fertility",
    name="fertility_Diagnosis.txt",
    sha256="c04c6f1a676fa6c55fa6c5ee23f9c9a4cada8e64419850767900380aec91cdbb",
    bytes=3_041,
    url=f"{_UCI_FILES}/00244/fertility_Diagnosis.txt",
    source="UCI Machine Learning Repository 244 (Fertility)",
)
HEPATITIS = RemoteFile(
    dataset="hepatitis",
    name="hepatitis.data",
    sha256="9971f9d18abb4fc9dd6749eefb0f864b36fa7bdd59f54188c0b148a5c28214bc",
    bytes=7_545,
    url=f"{_UCI_FILES}/hepatitis/hepatitis.data",
    source="UCI Machine Learning Repository 46 (Hepatitis)",
)
KIDNEY = RemoteFile(
    dataset="chronic-kidney-disease",
    name="chronic_kidney_disease_full.arff",
    sha256="b507d01f24a273f9d54dfab0af63afcb7d2a02769385635cfd358c651a77c24e",
    bytes=47_258,
    url=None,
    source=(
        "UCI Machine Learning Repository 336 (Chronic Kidney Disease), to be fetched from"
        " https://archive.ics.uci.edu/dataset/336 and unpacked"
    ),
)
PIMA = RemoteFile(
    dataset="pima-diabetes",
    name="pima-indians-diabetes.data",
    sha256="06f5b7c2cd7bca686fda4f92eab5f61e7ff6426a9acefa2e3dda04fc54293cf5",
    bytes=23_279,
    url=None,
    source=(
        "Pima Indians Diabetes, withdrawn from UCI; to be fetched from the public "
        "repository jbrownlee/Datasets on GitHub, without header"
    ),
)
WINE_RED = RemoteFile(
    dataset="wine-quality",
    name="winequality-red.csv",
    sha256="4a402cf041b025d4566d954c3b9ba8635a3a8a01e039005d97d6a710278cf05e",
    bytes=84_199,
    url=f"{_UCI_FILES}/wine-quality/winequality-red.csv",
    source="UCI Machine Learning Repository 186 (Wine Quality), red",
)
WINE_WHITE = RemoteFile(
    dataset="wine-quality",
    name="winequality-white.csv",
    sha256="76c3f809815c17c07212622f776311faeb31e87610d52c26d87d6e361b169836",
    bytes=264_426,
    url=f"{_UCI_FILES}/wine-quality/winequality-white.csv",
    source="UCI Machine Learning Repository 186 (Wine Quality), white",
)
AIRBNB = RemoteFile(
    dataset="airbnb-nyc",
    name="AB_NYC_2019.csv",
    sha256="ee58cb9fed10a6f2e9fddad594e4e5df55fb6b7012ce8982c0320a1c39c7c06d",
    bytes=None,
    url=None,
    source=(
        "Kaggle New York City Airbnb Open Data (account needed), AB_NYC_2019.csv with the"
        " free-text columns name and host_name removed"
    ),
    checked="values",
)
COMPAS = RemoteFile(
    dataset="compas",
    name="compas-scores-two-years.csv",
    sha256="98e587c36bce3e0b773858b2f59b220d6646380e52c13685201003ab39d871e2",
    bytes=None,
    url="https://raw.githubusercontent.com/propublica/compas-analysis/master/compas-scores-two-years.csv",
    source="ProPublica compas-analysis (Larson et al. 2016)",
    checked="values",
)
BREAST_CANCER_MSK = RemoteFile(
    dataset="breast-cancer-msk",
    name="Breast_cancer_data.xlsx",
    sha256="f680fbd9aebe622fa432783f8ae7ce4a2e22305dbdd189963ff942f83b5f6d11",
    bytes=178_822,
    url=None,
    source=(
        "columns of cBioPortal study breast_msk_2018 (Razavi et al. 2018), workbook to be"
        " fetched from jdonnelly36/M-GAM on GitHub, tag v0.1.0-replication"
    ),
)
MAMMOGRAPHIC = RemoteFile(
    dataset="mammographic-mass",
    name="mammographic_masses.data",
    sha256="b698ec96102aeb343867d2626051c663e0ef3f0c9ec22d290bb2c39b7a12671e",
    bytes=None,
    url=f"{_UCI_FILES}/mammographic-masses/mammographic_masses.data",
    source="UCI Machine Learning Repository 161 (Mammographic Mass)",
    checked="values",
)
HORSE_COLIC = RemoteFile(
    dataset="horse-colic",
    name="horse-colic.data",
    sha256="5d6ab10a5c6405b45177dfbdcb8ace8736447ae72887c7eff2bbd5dec9d04146",
    bytes=None,
    url=f"{_UCI_FILES}/horse-colic/horse-colic.data",
    source="UCI Machine Learning Repository 47 (Horse Colic), training part",
    checked="values",
)
PHARYNGITIS = RemoteFile(
    dataset="pharyngitis",
    name="pharyngitis.csv",
    sha256="470d460dbfc74b46fdb6a2dee67d48335cbca7fce13cb12c7c68b5bd5201ce35",
    bytes=32_459,
    url=None,
    source=(
        "paediatric pharyngitis table with rapid antigen tests (radt) as used by M-GAM, "
        "semicolons turned into commas, to be fetched from TCC-PUC-01-2022/Ana-Carolina-"
        "Medeirs on GitHub"
    ),
)
Z_ALIZADEH_SANI = RemoteFile(
    dataset="z-alizadeh-sani",
    name="Z-Alizadeh sani dataset.xlsx",
    sha256="e0c8004f6533317c1f1d119ff61542f0fa8fd24e5885df6d8c237d50318a7542",
    bytes=124_530,
    url=None,
    source=(
        "UCI Machine Learning Repository 412 (Z-Alizadeh Sani), to be fetched from "
        "https://archive.ics.uci.edu/dataset/412 and unzipped"
    ),
)
# One file per site.
HEART = {
    "cleveland": RemoteFile(
        dataset="heart-disease",
        name="processed.cleveland.data",
        sha256="a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8",
        bytes=18_461,
        url=f"{_UCI_FILES}/heart-disease/processed.cleveland.data",
        source="UCI Machine Learning Repository 45 (Heart Disease), cleveland",
    ),
    "hungarian": RemoteFile(
        dataset="heart-disease",
        name="reprocessed.hungarian.data",
        sha256="b699122ef9f81fd06363083ab2646bcb225a3775abe801edb81c3093c8f92819",
        bytes=11_058,
        url=f"{_UCI_FILES}/heart-disease/reprocessed.hungarian.data",
        source="UCI Machine Learning Repository 45 (Heart Disease), hungarian",
    ),
    "switzerland": RemoteFile(
        dataset="heart-disease",
        name="processed.switzerland.data",
        sha256="834a405ccf5b66ab4056bb77794adc8df0b7125186454c0a1d002d33c6c3b314",
        bytes=4_109,
        url=f"{_UCI_FILES}/heart-disease/processed.switzerland.data",
        source="UCI Machine Learning Repository 45 (Heart Disease), switzerland",
    ),
    "va": RemoteFile(
        dataset="heart-disease",
        name="processed.va.data",
        sha256="e7c93d8d0d2acdadfa4c5e8de768e2191e7f618b952e29623f1f0d5949ff6b8f",
        bytes=6_737,
        url=f"{_UCI_FILES}/heart-disease/processed.va.data",
        source="UCI Machine Learning Repository 45 (Heart Disease), va",
    ),
}
