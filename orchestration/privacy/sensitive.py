"""Which texts speak of health, faith, sexual life, biometrics, accounts, whereabouts or minors.

Keep out: masking. Such a text is flagged: it stays in the restricted file, is never quoted, and alerts go by key.
(Kinds of data: PIPL 28, GDPR 9.)
"""

MATTERS = {
    "health": r"\b(?:cancer|tumou?r|chemotherapy|diabet\w+|hiv|aids|depress(?:ion|ed)|anxiety|psychiatr\w+|therapist|pregnan\w+|miscarriage|"
    r"autis(?:m|tic)|bipolar|abortion|disab(?:led|ility|ilities)|surger(?:y|ies)|hospitali[sz]ed|diagnos(?:ed|is)|epilep\w+|asthma|dementia|alzheimer\w*|medication|prescription|"
    r"overdose|suicid\w+|illness|disease|allerg(?:y|ic|ies)|heart attack|stroke)(?:e?s)?\b|"
    r"癌|肿瘤|化疗|糖尿病|艾滋|抑郁|焦虑症|精神病|精神科|怀孕|孕妇|流产|堕胎|残疾|手术|住院|确诊|癫痫|哮喘|痴呆|处方药|病历|诊断|自杀|过敏|"
    r"心脏病|高血压|[甲乙丙]肝|精神疾病|精神障碍|精神分裂|自闭症|发烧(?:[^友级]|$)|中风|肝炎|病情|患者|患有|心理医生|不孕|白血病",
    "faith": r"\b(?:muslim|islam\w*|christian\w*|catholic|jew(?:ish)?|hindu\w*|buddhis[tm]|mosque|church|synagogue|halal|kosher|religio\w+|"
    r"atheist)(?:e?s)?\b|宗教|信仰|穆斯林|伊斯兰|清真|基督|天主教|佛教|道教|教堂|礼拜|信徒",
    "sexual life": r"\b(?:gay|lesbian|bisexual|transgender|homosexual\w*|lgbt\w*|sexual\w*|sex life|condoms?|viagra|erectile|escort)(?:e?s)?\b|"
    r"同性恋|双性恋|变性|性取向|性生活|性病|性功能|避孕|出柜|性骚扰",
    "biometrics": r"\b(?:fingerprints?|face id|facial recognition|iris scan|voiceprint|biometric\w*|dna)(?:e?s)?\b|"
    r"指纹|人脸|刷脸|虹膜|声纹|生物识别|基因检测",
    "accounts": r"\b(?:account number|bank account|credit score|overdraft|salary|salaries|bankrupt\w*|pin code|cvv)(?:e?s)?\b|"
    r"银行账[户号]|银行帐[户号]|银行卡|征信|工资|薪水|破产|公积金|密码|支付宝账号|余额不足",
    "whereabouts": r"\b(?:my location|gps|tracked me|where i live|home address|live alone|i live (?:at|in|on))\b|"
    r"行踪|定位|轨迹|我家住|我住在|家庭住址|住址|独居|跟踪我|酒店入住|住宿记录",
    "minors": r"\b(?:my (?:son|daughter|child|children|kid|baby|babies|toddler|grandson|granddaughter|grandchild|grandchildren)|under ?age|minors|(?:1[0-3]|[1-9])[- ]years?[- ]old|"
    r"kindergarten|schoolchild\w*)s?\b|未成年|儿子|女儿|孩子|宝宝|小学生|初中生|幼儿园|(?:[1-9]|1[0-3])岁|(?:^|[^十])[一二两三四五六七八九]岁|"
    r"(?:^|[^二三四五六七八九])十[一二三]?岁|小朋友|婴儿",
}

SENSITIVE = "(?i)" + "|".join(MATTERS.values())
