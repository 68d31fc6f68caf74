"""Files of the KEEL repository: two-class sets of many degrees of imbalance."""

from biam.datasets.store import RemoteFile

__all__ = ["KEEL"]

# Name of the set: sha256 and size of its file.
_FILES = {
    "cleveland-0_vs_4": (
        "2aee1f0c29ce0a8355d5c211cbd065e7fce1c6424671bc3bce3c4094589ab131",
        12_357,
    ),
    "ecoli-0-1-3-7_vs_2-6": (
        "9e866757048d2fb175c16bb809eb9ca02901b0ec395950acaa47c94c01cc5e95",
        12_273,
    ),
    "ecoli-0-1-4-6_vs_5": (
        "582b7179b76565a3406945e746c6e8d68ed4e54a36804e672cf1f26063dcd642",
        11_072,
    ),
    "ecoli-0-1-4-7_vs_2-3-5-6": (
        "5666035f96a0c9462895b3fd58aab5d90817a633d4c02a65f7aa8d96a2862f1e",
        14_606,
    ),
    "ecoli-0-1-4-7_vs_5-6": (
        "11807a2a3c05b8675e75d99674d0118a72a75521b80dd98a6ac67bace3c5bfa7",
        13_075,
    ),
    "ecoli-0-1_vs_2-3-5": (
        "73ad709b0fe995132397fee56bfaece742c54ebe2f842e51fb060419bc232c3f",
        10_693,
    ),
    "ecoli-0-1_vs_5": (
        "2c1bd7102e3c3f14dc8e0c47c9ab4bc211f56d316fb8e414381ec831e4689927",
        9_530,
    ),
    "ecoli-0-2-3-4_vs_5": (
        "f7ce8d6b42eb5f8b29560c245a82eecb28448975f4d515de595c30d29ed56ae0",
        8_917,
    ),
    "ecoli-0-2-6-7_vs_3-5": (
        "b34c3961cc01642b877fa899ac76414325ff9dbb4ffb20e519ceca38934c2f5e",
        9_846,
    ),
    "ecoli-0-3-4-6_vs_5": (
        "be5723676cd3918e59b8b85263288f8f482f8f0f3fa42f48260e4372c415cf7b",
        9_039,
    ),
    "ecoli-0-3-4-7_vs_5-6": (
        "460edbb3fc0054aba42613ff518acda16bc8d1fdb3acc2419fa21b14cb25efb1",
        11_250,
    ),
    "ecoli-0-3-4_vs_5": (
        "a17dd3ef3779faa9479f39dd821f43a7633c063cc85a276e8866e3ecf2387db6",
        8_829,
    ),
    "ecoli-0-4-6_vs_5": (
        "719a60551853b1b595bee148617eaafd545ab88922838dadaee7fb9dfc8d3dd0",
        8_112,
    ),
    "ecoli-0-6-7_vs_3-5": (
        "03a61c3f926bc3ff2e2cd53f4d196a52569baed60552c9fc40ab19b1054e8a6e",
        9_758,
    ),
    "ecoli-0-6-7_vs_5": (
        "4e72c98aca803f01f89fbf1a75923e23950f2f47a580db23d0fc91c6bb45ce08",
        8_763,
    ),
    "ecoli-0_vs_1": (
        "543a111a0d20db7bcbefc92b19ca09bb08dc8aff873c882ca5a5b1c8f19de42c",
        11_820,
    ),
    "ecoli1": (
        "cdd533c735b4ab30957264e98468ce4d29980902a24b81c9de0760bfa8a7e08f",
        17_832,
    ),
    "ecoli2": (
        "0fd2a70626e5361c9676ce80088c501c865320195396434e175e1f0c555d044a",
        17_843,
    ),
    "ecoli3": (
        "1316077f98ffb7044d0381d947b6955662cce574ac436bbb17979a710427154b",
        17_326,
    ),
    "ecoli4": (
        "c37f2146d25f215c20212841e44e21c2f7e3f29b8361b68a1b06bc10463f38f1",
        17_832,
    ),
    "glass-0-1-2-3_vs_4-5-6": (
        "67552176e09a3c980ad1c6a2140aba5375b94a6180095fa0632ea168c58bd955",
        18_708,
    ),
    "glass-0-1-4-6_vs_2": (
        "05d0e7d53cffe18f4cd5c4d72213cfc7ced809c95c665d765e60df3c230fb3d0",
        15_930,
    ),
    "glass-0-1-5_vs_2": (
        "fc9774f5775ab94def4919130ff0bccdd7487bf301c9750393f5644e8ffe398e",
        13_463,
    ),
    "glass-0-1-6_vs_2": (
        "94a09ccf8d42935097d944dc13c9e70009be575e7c8bc1f0e7ded8d1bd9a06c8",
        14_965,
    ),
    "glass-0-1-6_vs_5": (
        "a2feae460985188845a3757965c62a2fdd55f7a235a7f899263403584527d616",
        14_297,
    ),
    "glass-0-4_vs_5": (
        "0a1c5b5819936036439a548059a675f2f94d9ca2d05aa0dd613206a545c9f3f7",
        7_365,
    ),
    "glass-0-6_vs_5": (
        "5b8f9b14c96bd8d4a983b1bd06ee587d5279c5b34ab383fb0d02043347774865",
        8_537,
    ),
    "glass0": (
        "e3e736f0f60442e3bd923a0ccd16aa23d19990622d69ebcf00b15701a81fe135",
        18_692,
    ),
    "glass1": (
        "21d3e8df93962d87a99561235d4281d3f3120a2beba7a2805b343063a7068c9d",
        18_692,
    ),
    "glass2": (
        "fbd0d18da3748dc5eea32d1d049e775b934992e115deacf597b088f8e1efbee3",
        14_451,
    ),
    "glass4": (
        "b78de8acd826471d03101077a3c6b3d476100291fa52738b9d1e1abba774609c",
        18_694,
    ),
    "glass5": (
        "ae8b7291313b43d47eab133539b5e7f0168710d3e798f3e74984af6abb4e58da",
        18_694,
    ),
    "glass6": (
        "aab1a0cc86ccb6ce766034eb915756698748b58e8164e6b0f663b13290668dee",
        18_692,
    ),
    "haberman": (
        "68e2c4726eed6c99f219714220f6917cf38f7d9291a54e244a65c8bfb71d27a6",
        6_369,
    ),
    "iris0": (
        "00e3a4a26a260caafaea1b886bb80c79b1d54b289a7366793debdb32a66e5bbe",
        4_793,
    ),
    "led7digit-0-2-4-5-6-7-8-9_vs_1": (
        "dda04c7c07ecd4f590cf22722c13bc083252e52817d4b94b5fc8e1e2eeae7580",
        16_757,
    ),
    "new-thyroid1": (
        "bff6e1e9851878786f5c0581b5c79a36fe806a136b27908ebf298aab0e4ad7ee",
        7_786,
    ),
    "new-thyroid2": (
        "1a30b2a0b3f9436e7ee53bab70617d86e49aa21457a2e79ea35864b524c3c929",
        7_784,
    ),
    "page-blocks-1-3_vs_4": (
        "f0d1a3d48e927b77babc1049aae0733211852454f63fc1db5e8e0e0cfc00fd99",
        23_869,
    ),
    "page-blocks0": (
        "c46bf830740d44bf8d4042b1679424857bcfd770568d2c250f92a91a12d425b2",
        331_362,
    ),
    "pima": (
        "bc102136cd19de85c8affa7e87a22b2acab02cbc820214f94fe914d1532da932",
        29_562,
    ),
    "segment0": (
        "687eba2ccc7abb653b902b2885a8c6761fcf30d86d6f978270828ab1c77678df",
        431_607,
    ),
    "shuttle-c0-vs-c4": (
        "0299726856d33936acb0a6568afb8fbf370881f194715eb3e13c648eb3c43619",
        63_378,
    ),
    "shuttle-c2-vs-c4": (
        "2e78d8ed0b68d64a000454e239ea89ed77e81e65aef89ef0ea182498810da39e",
        5_056,
    ),
    "vehicle0": (
        "e43bd1de76febca9053f4de90c65a10cdf7bd4f61193d1405305fa5ecebab058",
        75_328,
    ),
    "vehicle1": (
        "737e5ca08e5391c7eb3a576d833304b963daf435c49607808bf5413d24e2ae3e",
        76_615,
    ),
    "vehicle2": (
        "31f3eda953a04edb5b5723a95c047668c027ad83a227ed22a1b739e3510482f9",
        76_599,
    ),
    "vehicle3": (
        "ea0b8e0d0d887584a8a22066fb47aa5c22755f5c1f8c403209acad5d48affeda",
        76_615,
    ),
    "vowel0": (
        "478dab0fcc87f8932e9481af3dd66dfa99601ba8b72c49d2525cba04b7f6cf76",
        93_791,
    ),
    "wisconsin": (
        "c399588753fd39d066bbf407b0803630bd6eacd508d7fd0b92e364ddc4071681",
        26_358,
    ),
    "yeast-0-2-5-6_vs_3-7-8-9": (
        "1470cd66623f1baa6ffc0ffbd5e434043fe5ba3504064dca28ffcee30dc5618d",
        47_029,
    ),
    "yeast-0-2-5-7-9_vs_3-6-8": (
        "dd1c6b7f01807a96aea8918c174818722c554bf04b38d1c848c8bf16c624a87b",
        47_029,
    ),
    "yeast-0-3-5-9_vs_7-8": (
        "609ad28c1560feee25c33f817beb359c8c5d19de1f2d81bc78bf1a63434a6f6d",
        23_905,
    ),
    "yeast-0-5-6-7-9_vs_4": (
        "8ea9fbf9bb4a997ec2d148e6824446e09c6fddde9adc4c1c1b708e17260d01e7",
        24_936,
    ),
    "yeast-1-2-8-9_vs_7": (
        "dd745b0cf0c61f035f362d5cc7a57c84a422f3029c18f20db2b6caa548f32237",
        44_373,
    ),
    "yeast-1-4-5-8_vs_7": (
        "57bfaa9e7eae3a0f6c836973e17e98bd19840d4fd6269abc4405583a0358ab21",
        32_596,
    ),
    "yeast-1_vs_7": (
        "f0df386fd07cdc1a6e90f51308fdbc96fdd64378625e52e942aca2599e5d2d18",
        20_305,
    ),
    "yeast-2_vs_4": (
        "7c0a3b9a5b1e44e0f2492e65d497b0e6c61faa924a15e4abf9a086d7791969d4",
        24_248,
    ),
    "yeast-2_vs_8": (
        "5df9554d20257d198cc1f8a3d91adadfc3b2cc5db15afb16bbcff4ab07851e9a",
        28_352,
    ),
    "yeast1": (
        "52ddd9e099eb4bed478430eec046332b53f5e574605e924b301cc1a4c35f4120",
        84_963,
    ),
    "yeast3": (
        "fda5bea98b4891a3320d02394d11c691eca642cc5cd72e7a206c2cf9cae6092e",
        82_696,
    ),
    "yeast4": (
        "2e50d1b43c97875d2071859428d718487086e695a1a6ec559336ccadb40c1ff0",
        81_201,
    ),
    "yeast5": (
        "6c130fd581a617e8600712f633641cd2107a1f5f7f2132c43dea89f2868072a7",
        84_965,
    ),
    "yeast6": (
        "8a245638352ce0ff018b729dfb5ce48c3323653df41ae305093eecd38cb2c4cf",
        84_965,
    ),
}

KEEL: dict[str, RemoteFile] = {
    name: RemoteFile(
        dataset="keel",
        name=f"{name}.dat",
        sha256=sha256,
        bytes=size,
        url=None,
        source=(
            "KEEL repository (Alcala-Fdez et al. 2011), imbalanced data sets, to be fetched from "
            f"https://sci2s.ugr.es/keel/imbalanced.php and unzipped: {name}.dat"
        ),
    )
    for name, (sha256, size) in _FILES.items()
}
