"""Column names and code labels of the tabular sets, as their upstream descriptions give them."""

__all__ = [
    "ABALONE_COLUMNS",
    "ADULT_COLUMNS",
    "AIRBNB_DROPPED",
    "AIRBNB_NUMBERS",
    "AUTO_MPG_COLUMNS",
    "AUTO_MPG_LABELS",
    "BIKE_DROPPED",
    "BIKE_LABELS",
    "CALIFORNIA_COLUMNS",
    "CONCRETE_COLUMNS",
    "GERMAN_COLUMNS",
    "GERMAN_LABELS",
    "HELOC_CODES",
    "HELOC_COLUMNS",
    "TAIWAN_COLUMNS",
    "TAIWAN_LABELS",
]

ADULT_COLUMNS = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    "income",
)

# The file has no header; these are the names of its OpenML twin (credit-g, 31).
GERMAN_COLUMNS = (
    "checking_status",
    "duration",
    "credit_history",
    "purpose",
    "credit_amount",
    "savings_status",
    "employment",
    "installment_commitment",
    "personal_status",
    "other_parties",
    "residence_since",
    "property_magnitude",
    "age",
    "other_payment_plans",
    "housing",
    "existing_credits",
    "job",
    "num_dependents",
    "own_telephone",
    "foreign_worker",
    "class",
)

# Amounts are in Deutsche Mark (DM). Codes A47 and A95 are documented and do not occur.
GERMAN_LABELS: dict[str, dict[str, str]] = {
    "checking_status": {
        "A11": "below 0 DM",
        "A12": "0 to 200 DM",
        "A13": "200 DM or more",
        "A14": "no account",
    },
    "credit_history": {
        "A30": "none taken or all paid back",
        "A31": "all at this bank paid back",
        "A32": "existing paid so far",
        "A33": "delayed before",
        "A34": "critical or other credits",
    },
    "purpose": {
        "A40": "new car",
        "A41": "used car",
        "A42": "furniture or equipment",
        "A43": "radio or television",
        "A44": "domestic appliance",
        "A45": "repairs",
        "A46": "education",
        "A47": "vacation",
        "A48": "retraining",
        "A49": "business",
        "A410": "other",
    },
    "savings_status": {
        "A61": "below 100 DM",
        "A62": "100 to 500 DM",
        "A63": "500 to 1000 DM",
        "A64": "1000 DM or more",
        "A65": "unknown or none",
    },
    "employment": {
        "A71": "unemployed",
        "A72": "below 1 year",
        "A73": "1 to 4 years",
        "A74": "4 to 7 years",
        "A75": "7 years or more",
    },
    "personal_status": {
        "A91": "male, divorced or separated",
        "A92": "female, divorced, separated or married",
        "A93": "male, single",
        "A94": "male, married or widowed",
        "A95": "female, single",
    },
    "other_parties": {"A101": "none", "A102": "co-applicant", "A103": "guarantor"},
    "property_magnitude": {
        "A121": "real estate",
        "A122": "building savings or life insurance",
        "A123": "car or other",
        "A124": "unknown or none",
    },
    "other_payment_plans": {"A141": "bank", "A142": "stores", "A143": "none"},
    "housing": {"A151": "rent", "A152": "own", "A153": "free"},
    "job": {
        "A171": "unskilled, non-resident",
        "A172": "unskilled, resident",
        "A173": "skilled",
        "A174": "management or self-employed",
    },
    "own_telephone": {"A191": "no", "A192": "yes"},
    "foreign_worker": {"A201": "yes", "A202": "no"},
}

# X1 .. X23 and Y of the export; there is no PAY_1 upstream.
TAIWAN_COLUMNS = (
    "LIMIT_BAL",
    "SEX",
    "EDUCATION",
    "MARRIAGE",
    "AGE",
    *(f"PAY_{month}" for month in (0, 2, 3, 4, 5, 6)),
    *(f"BILL_AMT{month}" for month in range(1, 7)),
    *(f"PAY_AMT{month}" for month in range(1, 7)),
    "default",
)

# Codes that occur without a description are kept apart, not guessed.
TAIWAN_LABELS: dict[str, dict[int, str]] = {
    "SEX": {1: "male", 2: "female"},
    "EDUCATION": {
        1: "graduate school",
        2: "university",
        3: "high school",
        4: "other",
        0: "undocumented 0",
        5: "undocumented 5",
        6: "undocumented 6",
    },
    "MARRIAGE": {1: "married", 2: "single", 3: "other", 0: "undocumented 0"},
}

HELOC_COLUMNS = (
    "RiskPerformance",
    "ExternalRiskEstimate",
    "MSinceOldestTradeOpen",
    "MSinceMostRecentTradeOpen",
    "AverageMInFile",
    "NumSatisfactoryTrades",
    "NumTrades60Ever2DerogPubRec",
    "NumTrades90Ever2DerogPubRec",
    "PercentTradesNeverDelq",
    "MSinceMostRecentDelq",
    "MaxDelq2PublicRecLast12M",
    "MaxDelqEver",
    "NumTotalTrades",
    "NumTradesOpeninLast12M",
    "PercentInstallTrades",
    "MSinceMostRecentInqexcl7days",
    "NumInqLast6M",
    "NumInqLast6Mexcl7days",
    "NetFractionRevolvingBurden",
    "NetFractionInstallBurden",
    "NumRevolvingTradesWBalance",
    "NumInstallTradesWBalance",
    "NumBank2NatlTradesWHighUtilization",
    "PercentTradesWBalance",
)

HELOC_CODES = {-9: "no bureau record", -8: "no usable trades", -7: "condition not met"}

ABALONE_COLUMNS = (
    "sex",
    "length",
    "diameter",
    "height",
    "whole_weight",
    "shucked_weight",
    "viscera_weight",
    "shell_weight",
    "rings",
)

# Names of listings and of people: not even read.
AIRBNB_DROPPED = ("id", "name", "host_id", "host_name")
AIRBNB_NUMBERS = (
    "latitude",
    "longitude",
    "minimum_nights",
    "number_of_reviews",
    "reviews_per_month",
    "calculated_host_listings_count",
    "availability_365",
)

AUTO_MPG_COLUMNS = (
    "mpg",
    "cylinders",
    "displacement",
    "horsepower",
    "weight",
    "acceleration",
    "model_year",
    "origin",
    "car_name",
)
AUTO_MPG_LABELS: dict[str, dict[int, str]] = {"origin": {1: "USA", 2: "Europe", 3: "Japan"}}

BIKE_DROPPED = ("instant", "dteday", "casual", "registered")
# Upstream calls season 1 spring; it holds January and February.
BIKE_LABELS: dict[str, dict[int, str]] = {
    "season": {1: "winter", 2: "spring", 3: "summer", 4: "autumn"},
    "holiday": {0: "no", 1: "yes"},
    "weekday": {
        0: "Sunday",
        1: "Monday",
        2: "Tuesday",
        3: "Wednesday",
        4: "Thursday",
        5: "Friday",
        6: "Saturday",
    },
    "workingday": {0: "no", 1: "yes"},
    "weathersit": {1: "clear", 2: "mist", 3: "light rain or snow", 4: "heavy rain or snow"},
}

CALIFORNIA_COLUMNS = (
    "longitude",
    "latitude",
    "housing_median_age",
    "total_rooms",
    "total_bedrooms",
    "population",
    "households",
    "median_income",
    "median_house_value",
)

CONCRETE_COLUMNS = (
    "cement",
    "slag",
    "fly_ash",
    "water",
    "superplasticizer",
    "coarse_aggregate",
    "fine_aggregate",
    "age",
    "strength",
)
