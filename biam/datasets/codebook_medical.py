"""Column names and code labels of the medical sets, as their upstream descriptions give them."""

from typing import Any

from biam.datasets.columns import yes_no

__all__ = [
    "BREAST_CANCER_COLUMNS",
    "FERTILITY_COLUMNS",
    "FERTILITY_LABELS",
    "HEART_COLUMNS",
    "HEART_LABELS",
    "HEPATITIS_COLUMNS",
    "HEPATITIS_LABELS",
    "HORSE_COLIC_COLUMNS",
    "HORSE_COLIC_LABELS",
    "HORSE_COLIC_LEAKING",
    "MAMMOGRAPHIC_COLUMNS",
    "MAMMOGRAPHIC_LABELS",
    "MSK_FEATURES",
    "PHARYNGITIS_SYMPTOMS",
    "PIMA_COLUMNS",
    "PIMA_ZEROS",
]

Labels = dict[str, dict[Any, str]]

BREAST_CANCER_COLUMNS = (
    "sample_code_number",
    "clump_thickness",
    "uniformity_of_cell_size",
    "uniformity_of_cell_shape",
    "marginal_adhesion",
    "single_epithelial_cell_size",
    "bare_nuclei",
    "bland_chromatin",
    "normal_nucleoli",
    "mitoses",
    "class",
)

FERTILITY_COLUMNS = (
    "season",
    "age",
    "childhood_disease",
    "accident_or_trauma",
    "surgery",
    "fever",
    "alcohol",
    "smoking",
    "sitting",
    "diagnosis",
)
# In the three yes-or-no columns upstream counts from yes.
FERTILITY_LABELS: Labels = {
    "season": {-1.0: "winter", -0.33: "spring", 0.33: "summer", 1.0: "autumn"},
    "fever": {-1: "less than 3 months ago", 0: "more than 3 months ago", 1: "no"},
    "smoking": {-1: "never", 0: "occasional", 1: "daily"},
    **yes_no(("childhood_disease", "accident_or_trauma", "surgery"), yes=0, no=1),
}

HEART_COLUMNS = (
    "age",
    "sex",
    "cp",
    "trestbps",
    "chol",
    "fbs",
    "restecg",
    "thalach",
    "exang",
    "oldpeak",
    "slope",
    "ca",
    "thal",
    "num",
)
HEART_LABELS: Labels = {
    "sex": {0: "female", 1: "male"},
    "cp": {
        1: "typical angina",
        2: "atypical angina",
        3: "non-anginal pain",
        4: "asymptomatic",
    },
    "fbs": {0: "120 mg/dl or less", 1: "above 120 mg/dl"},
    "restecg": {0: "normal", 1: "ST-T abnormality", 2: "left ventricular hypertrophy"},
    "exang": {0: "no", 1: "yes"},
    "slope": {1: "up", 2: "flat", 3: "down"},
    "thal": {3: "normal", 6: "fixed defect", 7: "reversible defect"},
}

_HEPATITIS_SIGNS = (
    "steroid",
    "antivirals",
    "fatigue",
    "malaise",
    "anorexia",
    "liver_big",
    "liver_firm",
    "spleen_palpable",
    "spiders",
    "ascites",
    "varices",
    "histology",
)
HEPATITIS_COLUMNS = (
    "class",
    "age",
    "sex",
    *_HEPATITIS_SIGNS[:-1],
    "bilirubin",
    "alk_phosphate",
    "sgot",
    "albumin",
    "protime",
    "histology",
)
# Upstream lists "no, yes" and numbers 1, 2, but 2 is common where the sign is rare: not guessed.
HEPATITIS_LABELS: Labels = {
    "sex": {1: "male", 2: "female"},
    **{sign: {1: "code 1", 2: "code 2"} for sign in _HEPATITIS_SIGNS},
}

HORSE_COLIC_COLUMNS = (
    "surgery",
    "age",
    "hospital_number",
    "rectal_temperature",
    "pulse",
    "respiratory_rate",
    "temperature_of_extremities",
    "peripheral_pulse",
    "mucous_membranes",
    "capillary_refill_time",
    "pain",
    "peristalsis",
    "abdominal_distension",
    "nasogastric_tube",
    "nasogastric_reflux",
    "nasogastric_reflux_ph",
    "rectal_examination_feces",
    "abdomen",
    "packed_cell_volume",
    "total_protein",
    "abdominocentesis_appearance",
    "abdominocentesis_total_protein",
    "outcome",
    "surgical_lesion",
    "lesion_1",
    "lesion_2",
    "lesion_3",
    "cp_data",
)
# Found at surgery or autopsy, so not known when the outcome is to be predicted.
HORSE_COLIC_LEAKING = ("surgical_lesion", "lesion_1", "lesion_2", "lesion_3")
# Upstream promises age 2 for young horses and writes 9.
HORSE_COLIC_LABELS: Labels = {
    "surgery": {1: "yes", 2: "no"},
    "age": {1: "adult", 9: "young"},
    "temperature_of_extremities": {1: "normal", 2: "warm", 3: "cool", 4: "cold"},
    "peripheral_pulse": {1: "normal", 2: "increased", 3: "reduced", 4: "absent"},
    "mucous_membranes": {
        1: "normal pink",
        2: "bright pink",
        3: "pale pink",
        4: "pale cyanotic",
        5: "bright red or injected",
        6: "dark cyanotic",
    },
    "capillary_refill_time": {1: "below 3 s", 2: "3 s or more", 3: "undocumented 3"},
    "pain": {
        1: "alert, no pain",
        2: "depressed",
        3: "intermittent mild",
        4: "intermittent severe",
        5: "continuous severe",
    },
    "peristalsis": {1: "hypermotile", 2: "normal", 3: "hypomotile", 4: "absent"},
    "abdominal_distension": {1: "none", 2: "slight", 3: "moderate", 4: "severe"},
    "nasogastric_tube": {1: "none", 2: "slight", 3: "significant"},
    "nasogastric_reflux": {1: "none", 2: "above 1 l", 3: "below 1 l"},
    "rectal_examination_feces": {1: "normal", 2: "increased", 3: "decreased", 4: "absent"},
    "abdomen": {
        1: "normal",
        2: "other",
        3: "firm feces in large intestine",
        4: "distended small intestine",
        5: "distended large intestine",
    },
    "abdominocentesis_appearance": {1: "clear", 2: "cloudy", 3: "serosanguinous"},
}

MAMMOGRAPHIC_COLUMNS = ("bi_rads", "age", "shape", "margin", "density", "severity")
MAMMOGRAPHIC_LABELS: Labels = {
    "shape": {1: "round", 2: "oval", 3: "lobular", 4: "irregular"},
    "margin": {
        1: "circumscribed",
        2: "microlobulated",
        3: "obscured",
        4: "ill-defined",
        5: "spiculated",
    },
}

# What was known at diagnosis; the rest is identity, follow-up, or says the same again.
MSK_FEATURES = {
    "Invasive Carcinoma Diagnosis Age": "age_at_diagnosis",
    "ER Status of the Primary": "er_status",
    "PR Status of the Primary": "pr_status",
    "Overall Patient HER2 Status": "her2_status",
    "Overall Primary Tumor Grade": "grade",
    "Stage At Diagnosis": "stage",
    "T Stage": "t_stage",
    "N Stage": "n_stage",
    "M Stage": "m_stage",
    "Oncotree Code": "oncotree_code",
    "Fraction Genome Altered": "fraction_genome_altered",
    "Mutation Count": "mutation_count",
}

PHARYNGITIS_SYMPTOMS = (
    "pain",
    "tender",
    "tonsillarswelling",
    "exudate",
    "sudden",
    "cough",
    "rhinorrhea",
    "conjunctivitis",
    "headache",
    "erythema",
    "petechiae",
    "abdopain",
    "diarrhea",
    "nauseavomit",
    "scarlet",
)

PIMA_COLUMNS = (
    "pregnancies",
    "glucose",
    "blood_pressure",
    "skin_thickness",
    "insulin",
    "bmi",
    "pedigree",
    "age",
    "diabetes",
)
# A living person has none of these at zero.
PIMA_ZEROS = ("glucose", "blood_pressure", "skin_thickness", "insulin", "bmi")
