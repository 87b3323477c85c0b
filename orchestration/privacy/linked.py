"""A record's own values as they may stand in its texts: variants of names, e-mail, phone, address, also with a slip.

Keep out: identifiers of unknown persons (rules/), and the pipeline (redaction.py).

Three sieves, each for what the one before left. `near`: a text and a value of its record that share a gate, a stretch
that stands unbroken in every spelling of the value; it is made of the value as it came, for all of them. `prepare`: the
values that are near a text become needles, each a `probe`, plain letters that a text must hold, and a `pattern`, a
regular expression that says exactly what is masked. `find`: texts that hold a probe pay for a pattern of their own.
"""

import os
from functools import cache

import pyarrow as pa
from duckdb import DuckDBPyConnection

from orchestration.engine import literal
from orchestration.privacy import spellings
from orchestration.privacy.normalise import folding_steps, normal_phone
from orchestration.privacy.rules.address_zh import SIGN
from orchestration.privacy.rules.name_zh import ANY_SURNAME, DOUBLE_SURNAMES
from orchestration.privacy.rules.rule import HAN, in_turn, joined
from orchestration.privacy.spellings import Scripts

OWN_ROLES = ("name", "email", "phone", "address", "handle")  # of the person; beside them "agent", a name of staff

# Names that are ordinary words: masked in full name only, or with a title.
_COMMON_EN = (
    "will mark bill grace hope joy rose may april june august summer autumn dawn faith art angel sunny star honey candy cash chase "
    "best good long short young white black brown green gray grey blue day love king price page bank post call case order "
    "rich frank pat sue drew miles major early late free fast cheap great nice fine light bright sharp small little big "
    "store shop phone card email name self agent address handle plate refund ship box the and for you not but can has had was are "
    "test user guest customer client admin support service team help info sales contact office home null none unknown china "
    "mail hello here there this that with from have been they them what when where your our out over more most much many any all "
    "one two ten get got go see say way day man men son sun fan song pan ping pin ding dong bang gang sang rang hang long tan wan "
    "ran she her his him its who how why now new old bad hot cold sad mad glad kind dear true real sure well just only even still "
    "cook baker carter mason hunter fisher walker parker porter cooper taylor turner ward wood woods field fields hill rivers stone "
    "bush ford west north south east street park church bishop pope noble savage wise smart strong power power powers holiday "
    "christmas monday friday sunday penny nickel dollar crystal ruby pearl amber ivy violet lily daisy iris heather hazel olive "
    "dean earl duke prince marshal pace rush reed read lane banks wells waters brooks lake ray dale glen heath bond banker "
    "read write open close play pay sell buy cut hit run sit stand walk talk work wait watch touch check chip dash miss master "
    "mister sir madam boss chief captain doctor nurse"
)
_COMMON_ZH = (
    "高兴 高峰 高级 高手 高端 高度 高效 成功 成本 方便 方向 方法 方式 安全 安静 安装 安心 金额 金色 马上 平安 平时 平台 平衡 和平 和气 许可 许多 严重 "
    "温馨 温度 明白 明显 黄金 黄色 白色 白天 时间 时候 关心 关系 关于 包装 包裹 包括 程序 程度 单位 单独 于是 曾经 应该 何必 万一 常常 常见 路过 "
    "水平 水果 解决 解释 易用 毛病 文明 文件 元旦 华丽 古怪 莫名 支持 支付 强大 强烈 向来 计划 计算 广告 广大 全部 全新 全面 任何 任务 牛奶 "
    "石头 江湖 海鲜 云南 夏天 冬天 春天 秋天 凌晨 田野 周末 周到 周围 钱包 连接 连忙 相当 相信 有趣 有效 满意 满足 喜欢 幸福 快乐 开心 客服 "
    "用户 客户 顾客 匿名 先生 女士 测试 管理员 商家 店家 卖家 买家 老板 经理 无名 未知 空白 张开 张贴 李子 杨树 林业 费用 费劲 强调 强制 党员 "
    "沙发 花费 花样 雷同 师傅 习惯 房子 房间 欧洲 苏打 司机 游戏 游客 原因 原来 简单 简直 宁可 祝福 顺利 顺便 申请 农业 银行 别人 甘心 戴上 "
    "付款 付费 左右 东西 南方 上官 东方 叶子 段落 谢谢 孔子 汤圆 康复 贺卡 顾虑 白白 钟表 钟头 余额 余下 项目 祖国 武器 舒服 舒适 齐全 齐备 "
    "可爱 美丽 漂亮 聪明 光明 希望 平静 安宁 文静 国庆 建国 建设 中国 中华 新年 新春 春节 阳光 明天 天天 冰冰 晶晶 亮亮 乐乐 欢乐 欢喜 吉祥 如意 "
    "健康 长江 黄河 小雨 大海 海洋 海边 东风 南京 北京 天津 重庆 西安 长安 永远 永久 小心 小时 小学 小子 老师 老公 老婆 老人 老总 老家 阿姨"
)
_NICK_ZH = "小白 小黄 小金 小高 小马 小江 小何 小方 小石 小花 小夏 小安 小鱼 小米 小时 小段 小万 小钱 小包 小常 小平 小向 小单 老黄 老高 老方 老白 老石 老金 老万"
_TITLES_ZH = [
    "先生",
    "女士",
    "小姐",
    "太太",
    "师傅",
    "老师",
    "经理",
    "总",
    "工",
    "哥",
    "姐",
    "某",
    "某某",
    "医生",
    "主任",
    "老板",
    "同学",
    "阿姨",
    "大哥",
    "大姐",
]
# Characters that names are made of and that are seldom words of their own: what a slip may turn a name's character
# into.
_GIVEN_SIGNS = (
    "伟薇炜玮威巍芳娜静敏磊洋艳燕超霞婷鹏杰洁捷婕涛韬琳霖丽莉俐强军君钧峻俊骏娟辉晖慧惠蕙勇咏泳刚钢玲凌铃龄斌彬宾滨波博勃宇雨羽禹语钰玉煜昱"
    "浩皓昊颢豪欣鑫馨昕佳嘉家珈倩茜谦雪学旭栩宁柠凝雯文纹玟萍苹平屏红鸿泓虹弘宏梅美玫媚莹盈颖影瑛樱英映晶菁菲妃飞非斐霏翔祥湘香萱轩瑄宣璇旋"
    "琪琦祺淇奇棋晨辰宸琛诚承成程澄瑶遥尧耀悦玥月越跃怡仪宜逸艺奕怿毅义涵晗菡函寒瀚翰妍研岩彦砚雁兰岚澜蓝楠南男栋冬东桐彤童晓筱小肖潇萧"
    "志智治芷芝之知建健剑坚坤昆琨锋峰风枫丰亮梁良林临麟森淼苗妙明铭鸣茗名国果帆凡繁帅率思斯丝诗施"
)
_ABBREVIATIONS = (
    "app apps sms vip dvd cpu usb pdf atm usa faq gps led lcd crm erp kpi api sql html http www com net org edu gov jpg png gif mp3 "
    "mp4 ceo cfo cto hr it id ip pc tv ac dc am pm etc btw asap diy pos sku sla nps csat gdp fyi lol omg the and you not but"
)
_SPOKEN_SYLLABLES = (
    "he she you can men man me long song fan sun pan hang rang sang an a o e die nan dang bang ban tan wan den pin min sin bin in "
    "hen ten pen fen ran sat hot la ha hi ma pa no so to go do bu be we or on at ai lie mai mei mu"
)
# Readings of characters that differ when they are surnames.
_SURNAME_READINGS = {
    "单": "shan", "曾": "zeng", "仇": "qiu", "区": "ou", "解": "xie", "查": "zha", "任": "ren", "朴": "piao", "盖": "ge", "尉": "wei",
    "万": "wan", "翟": "zhai", "缪": "miao", "宁": "ning", "华": "hua", "燕": "yan", "祭": "zhai", "种": "chong", "长": "zhang", "乐": "yue",
    "覃": "qin", "冼": "xian", "员": "yun", "折": "she", "车": "che", "石": "shi", "沈": "shen", "叶": "ye", "贾": "jia", "重": "chong",
}  # fmt: skip
SEPARATOR = r"[\s.,_\-]{0,2}"
_IN_WORD = "[’ʼ'-]?"
GAP_IN_NUMBER = r"[ ().\-/_*\t\n]*"
_COUNTRY_CODE = rf"(?:(?:\+|\b00)[0-9]{{1,3}}{GAP_IN_NUMBER}|\b[0-9]{{1,2}}[.\-]?)?(?:[(]?\b0[)]?)?[(\-]?"
_A_SURNAME = "<surname>"  # in a pattern; `fitted` says which
_ANY_LETTER = "a-z"  # a gate that every text with a Latin letter passes
# Both needles of an e-mail address begin with it, however the rest is folded.
_EMAIL_GATE = "lower(regexp_extract(value, '^[0-9A-Za-z]+'))"
_DIGITS = "regexp_replace(t, '[^0-9]+', '', 'g')"
_NORMAL_PHONE = (
    r"\+(?:861[3-9][0-9]{9}|1[2-9][0-9]{2}[2-9][0-9]{6}|49[1-9][0-9]{5,12}|33[1-9][0-9]{8}|44[1-9][0-9]{8,9})"
)
_DIGIT_RUN = r"\+?[0-9](?:[ ().\-/_*]{0,3}[0-9]){6,15}"


def _low(texts: str, simplified: bool = False) -> str:
    """A query (row_no, field, t, low) of texts (row_no, field, t): as gates and probes are searched in them.

    In small letters without marks, letters that have a transcription in both forms. `simplified`: of texts with
    traditional characters alone, which are read once more so.
    """
    # One step after the other, each over the texts that need it.
    relation = f"(select row_no, field, t, strlen(t) = length(t) as is_plain, lower(t) as low from {texts})"
    for needs, spelt in (
        (spellings.RARE, spellings.spelt_out("low")),
        (spellings.UMLAUTS, spellings.both("low")),
        (spellings.MARKABLE, "strip_accents(low)"),
    ):
        step = f"case when is_plain or not regexp_matches(low, '{needs}') then low else {spelt} end"
        relation = f"(select * replace ({step} as low) from {relation})"
    relation = f"select row_no, field, t, low from {relation}"
    if not simplified:
        return relation
    return spellings.simplified(f"(from ({relation}) semi join _traditional using (row_no, field))", "low")


def squeezed(low: str) -> str:
    """SQL: a text in small letters as probes are searched in it: without blanks, points, hyphens, apostrophes."""
    often = f"replace(replace(replace({low}, ' ', ''), ',', ''), '.', '')"
    return rf"regexp_replace({often}, '[\s_''’ʼ\-·@]+', '', 'g')"


def _listed(words: str) -> str:
    """SQL: a list of the words, each once."""
    return f"string_split({literal(' '.join(dict.fromkeys(words.split())))}, ' ')"


def ordinary_words() -> str:
    """SQL: a list of the names that are ordinary words, English and Chinese."""
    return _listed(f"{_COMMON_EN} {_COMMON_ZH} {_NICK_ZH}")


@cache
def syllables() -> pa.Table:
    """Toneless pinyin of every Chinese character of the plain range, first reading."""
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")  # most of the time that pypinyin takes to import
    from pypinyin.constants import PINYIN_DICT, Style  # heavy: a run with nothing new does without
    from pypinyin.style import convert

    signs = [code for code in range(0x4E00, 0xA000) if code in PINYIN_DICT]
    readings = [
        convert(PINYIN_DICT[code].split(",")[0], Style.NORMAL, strict=False).replace("ü", "v") for code in signs
    ]
    return pa.table({"sign": [chr(code) for code in signs], "syllable": readings})


def near(con: DuckDBPyConnection, texts: str, own: str) -> Scripts:
    """Temp tables `_near`, `_near_number` (row_no, field, value_no), and `_traditional` (row_no, field).

    What of its record a text may hold, however it is spelt.
    `texts` is a table (row_no, field, t), `own` one of (row_no, value_no, role, value), the values of their records.
    Values that share a number are looked for together. Masking adds no stretch of letters or digits to a text, so what
    is not near now never will be. Returns what texts and values hold, which the other sieves ask for.
    """
    held = spellings.scripts(con, texts, own)
    distinct = f"(select distinct value_no, role, value from {own} where {{}})"
    gates = _gates(distinct.format("role not in ('email', 'phone')"), held)
    con.execute(f"create or replace temp table _gate as {gates}")
    for is_first in (True, False) if held.traditional_texts else (True,):
        con.execute(
            f"""
            {"create or replace temp table _near as" if is_first else "insert into _near"}
            with x as materialized ({_low(texts, simplified=not is_first)})
            select distinct x.row_no, x.field, value_no from x join (
                select row_no, value_no, {_EMAIL_GATE} as gate, '' as also from {own} where role = 'email'
                union all select row_no, value_no, gate, also from {own} join _gate using (value_no) where role <> 'phone'
            ) g using (row_no)
            where case when g.gate = '{_ANY_LETTER}' then regexp_matches(x.low, '[a-z]')
                else {in_turn("contains(x.low, g.gate)", "contains(x.low, g.also)")} end
            """
        )
    con.execute(
        f"create or replace temp table _with_number as select row_no, field, {_DIGITS} as digits from {texts} "
        f"where regexp_matches(t, '[0-9](?:{GAP_IN_NUMBER}[0-9]){{5}}')"
    )
    asked = distinct.format("role = 'phone' and row_no in (select row_no from _with_number)")
    con.execute(f"create or replace temp table _number as {_numbers(asked)}")
    con.execute(
        f"""
        create or replace temp table _near_number as
        select distinct x.row_no, x.field, value_no
        from _with_number x join (from {own} where role = 'phone') using (row_no) join _number n using (value_no)
        where contains(x.digits, n.d[1:length(n.d) // 2]) or contains(x.digits, right(n.d, (length(n.d) - 1) // 2));
        drop table _with_number
        """
    )
    return held


def find(texts: str, held: Scripts) -> str:
    """What of the records' own values stands in their texts.

    Gives a query (row_no, field, self_pattern, agent_pattern, is_traditional).
    `texts` is a table (row_no, field, t) of texts that `near` saw, whole or masked since; a pattern is empty where
    there is nothing of the kind.
    """
    ordered = (
        "coalesce(list_aggregate(list_transform(list_sort(list_distinct(list({{'place': place, 'longest': -length(pattern), "
        "'pattern': pattern}}) filter ({}))), lambda x: x.pattern), 'string_agg', '|'), '')"
    )
    # Few texts are near a number: made first, so that no condition on its digits is asked of all texts.
    close = f"(from {texts} semi join _near using (row_no, field))"
    low, is_traditional = _low(close), "false"
    if held.traditional_texts:
        low += f" union all {_low(close, simplified=True)}"
        is_traditional = "(row_no, field) in (select (row_no, field) from _traditional)"
    return f"""
        with number as materialized (
            select row_no, field, value_no, t, {_DIGITS} as digits from {texts} join _near_number using (row_no, field)
        )
        select row_no, field, {ordered.format("not is_agent")} as self_pattern, {ordered.format("is_agent")} as agent_pattern,
            {is_traditional} as is_traditional
        from (
            select x.row_no, x.field, n.is_agent, n.place, n.pattern
            from (
                select row_no, field, {squeezed("low")} as letters from ({low})
            ) x
            join _near using (row_no, field)
            join _needle n using (value_no)
            where contains(x.letters, n.probe) and contains(x.letters, n.second_probe)
                and (n.unless = '' or not contains(x.letters, n.unless)) and not n.is_number
            union all
            select x.row_no, x.field, false, n.place, n.pattern
            from number x join _needle n using (value_no)
            where n.is_number and contains(x.digits, n.probe)
            union all
            select x.row_no, x.field, false, 2, unnest(list_transform(list_filter(x.runs, lambda run:
                least(damerau_levenshtein(run.digits, n.probe),
                    damerau_levenshtein(right(run.digits, length(n.probe)), n.probe),
                    damerau_levenshtein(right(run.digits, length(n.probe) + 1), n.probe)) <= 1), lambda run: regexp_escape(run.run)))
            from (
                select row_no, field, value_no, digits, list_transform(regexp_extract_all(t, '{_DIGIT_RUN}'), lambda run:
                    {{'run': run, 'digits': regexp_replace(run, '[^0-9]+', '', 'g')}}) as runs
                from number where length(digits) >= 7
            ) x
            join _needle n using (value_no)
            where n.is_number and length(n.probe) >= 8 and not contains(x.digits, n.probe)
                and (contains(x.digits, n.probe[1:length(n.probe) // 2])
                    or contains(x.digits, right(n.probe, (length(n.probe) - 1) // 2)))
        )
        group by row_no, field
    """


def prepare(con: DuckDBPyConnection, own: str, held: Scripts) -> None:
    """Temp table `_needle`: what to look for, of the near values of a table (row_no, value_no, role, value)."""
    con.register("_syllable_given", syllables())
    con.execute("create or replace temp table _syllable as from _syllable_given")
    con.unregister("_syllable_given")
    close = f"select distinct value_no, role, value from {own} where value_no in (select value_no from _near)"
    con.execute(f"create or replace temp table _own_value as {_folded(close, held)}")
    for name, query in _name_tables().items():
        con.execute(f"create or replace temp table {name} as {query}")
    con.execute(
        f"create or replace temp table _needle as {_name_needles()} union all {_value_needles()} union all {_phone_needles()}"
    )
    for name in ("_own_value", "_syllable", *_name_tables()):
        con.execute(f"drop table {name}")


def _folded(values: str, held: Scripts) -> str:
    """A query (value_no, role, v) of values: forms of letters folded, small letters without marks, single blanks.

    A value with letters that have a transcription has a row for each form; Chinese is in simplified characters.
    """
    folded = f"(select value_no, role, value as t from ({values}))"
    for step in folding_steps():
        folded = f"(select * replace ({step} as t) from {folded})"
    low = r"regexp_replace(lower(trim(t)), '\s+', ' ', 'g')"
    relation = f"select value_no, role, {low} as v from {folded} where trim(t) <> ''"
    if held.marked_values:
        spelt = spellings.spelt_out("v")
        both = f"list_distinct([{spellings.bare(spelt)}, {spellings.transcribed(spelt)}])"
        either = f"case when {spellings.has_marks('v')} then {both} else [v] end"
        relation = f"select value_no, role, unnest({either}) as v from ({relation})"
    if not held.traditional_values:
        return relation
    return (
        f"with given_value as materialized (select *, {spellings.has_traditional('v')} as is_odd from ({relation})) "
        "select value_no, role, v from given_value where not is_odd union all "
        + spellings.simplified("(select value_no, role, v from given_value where is_odd)", "v")
    )


def _gates(values: str, held: Scripts) -> str:
    """A query (value_no, gate, also) of values.

    Each needle of a value, however it is spelt, holds a gate and its `also` unbroken.
    Of a name its words, its first initial and its Chinese characters, and any letter where it may stand in pinyin; of
    an address its numbers and its first word. Of the two plain words of a name, a short one is a gate only beside what
    stands with it: the initial of the other, a title, or, where the other has a slip, the half of it that is right.
    """
    word = rf"[^\s,.·_''’ʼ@()（）\"“”0-9\-{HAN}]+"
    pair = "{{'gate': {}, 'also': {}}}".format
    halves = "[{{'gate': {0}, 'also': {1}[1:(length({1}) - 1) // 2]}}, {{'gate': {0}, 'also': right({1}, (length({1}) - 1) // 2)}}]".format
    none = "[]::struct(gate varchar, also varchar)[]"
    first = (
        f"case when length(a) > 2 or length(b) <= 2 then [{pair('a', repr(''))}] "
        f"when length(b) > 3 then {halves('a', 'b')} else {none} end"
    )
    last = (
        f"case when length(b) > 2 or length(a) <= 2 then [{pair('b', repr(''))}] else list_concat("
        f"[{pair('b', 'a[1]')}, {pair('b', repr('mr'))}, {pair('b', repr('ms'))}], "
        f"case when length(a) > 3 then {halves('b', 'a')} else {none} end) end"
    )
    initials = "[" + pair("a[1] || '.'", "b[1] || '.'") + "]"
    # Where its number has a slip, the two characters before it are right, or two words side by side.
    of_address = (
        "list_concat(regexp_extract_all(v, '[0-9]+'), [regexp_extract(v, '[0-9a-z]+'), "
        f"regexp_extract(v, '([{HAN}]{{2}}) ?[0-9]', 1), case when regexp_matches(v, '[0-9]') then '' else right(v, 1) end])"
    )
    words_of_address = (
        "case when role = 'address' then list_transform(regexp_extract_all(v, '[a-z]{2,} [a-z]{2,}'), lambda two: "
        + pair("split_part(two, ' ', 1)", "split_part(two, ' ', 2)")
        + f") else {none} end"
    )
    of_handle = r"[regexp_extract(trim(v, ' @'), '[^\s,，]*')]"
    of_name = (
        "list_concat(list_concat(words, case when len(words) > 0 then [words[1][1] || '.'] else []::varchar[] end), "
        f"list_concat(han, case when len(han) > 0 then ['{_ANY_LETTER}'] else []::varchar[] end))"
    )
    return rf"""
        select distinct value_no, g.gate as gate, g.also as also from (
            select value_no, unnest(case when is_pair then list_concat(list_concat({first}, {last}), {initials})
                else list_concat(list_transform(gates, lambda gate: {pair("gate", repr(""))}), {words_of_address}) end) as g
            from (
                select value_no, role, v, words[1] as a, words[2] as b, role in ('name', 'agent') and regexp_full_match(v, '[a-z]+[ ,]+[a-z]+') as is_pair,
                    case when role = 'address' then {of_address} when role = 'handle' then {of_handle} else {of_name} end as gates
                from (
                    select value_no, role, v, case when role in ('name', 'agent') then regexp_extract_all(v, '{word}') end as words,
                        case when role in ('name', 'agent') then regexp_extract_all(v, '[{HAN}]') end as han
                    from (select value_no, role, strip_accents(v) as v from ({_folded(values, held)}))
                )
            )
        ) where g.gate <> ''
    """


def _numbers(values: str) -> str:
    """A query (value_no, d) of telephone numbers: the national digits, from six on."""
    national = (
        r"case when starts_with(p, '+86') then p[4:] when starts_with(p, '+1') then p[3:] "
        r"when regexp_matches(p, '^\+(?:33|44|49)') then p[4:] "
        r"when starts_with(p, '+') then right(p, greatest(length(p) - 4, least(length(p) - 1, 8))) "
        r"when starts_with(p, '0') then p[2:] else p end"
    )
    # Most are in normal form already, which costs much to make.
    return rf"""
        with given as materialized (
            select *, regexp_full_match(value, '{_NORMAL_PHONE}') as is_normal from {values}
        )
        select value_no, d from (select value_no, {national} as d from (
            select value_no, value as p from given where is_normal
            union all
            select value_no, coalesce({normal_phone("v", "null::varchar")}, regexp_replace(v, '[^0-9]+', '', 'g'))
            from ({_folded("from given where not is_normal", Scripts(False, False, False))})))
        where length(d) >= 6
    """


def _phrase_pattern(phrase: str) -> str:
    """SQL: the pattern of words with single blanks between them: any separators, whole words.

    Its own letters are capital, so that `fitted` can tell them from the syntax around them.
    """
    pattern = f"regexp_escape(upper({phrase}))"
    for sign, between in ((r"\-", _IN_WORD), (r"\'", _IN_WORD), (r"\ ", SEPARATOR)):
        pattern = f"replace({pattern}, {literal(sign)}, {literal(between)})"
    return (
        rf"(case when regexp_matches({phrase}, '^[0-9a-z]') then '\b' else '' end || "
        rf"case when regexp_matches({phrase}, '^[a-z]{{3}}.* ') then '[a-z]?' else '' end || {pattern} || "
        rf"case when regexp_matches({phrase}, ' .*[a-z]{{3}}$') then '[a-z]?' else '' end || "
        rf"case when regexp_matches({phrase}, '[0-9a-z]$') then '[0-9]{{0,4}}\b' else '' end)"
    )


def fitted(pattern: str, held: Scripts) -> str:
    """SQL: a pattern of `find` made for its text `t`: letters and characters as they stand there, its surnames alone.

    To compile a class of all surnames takes four times as long as all the rest.
    """
    surnames = joined(f"list_distinct(string_split(regexp_replace(t, '[^{ANY_SURNAME}]+', '', 'g'), ''))")
    few = f"case when contains({pattern}, '{_A_SURNAME}') then '[{ANY_SURNAME[0]}' || {surnames} || ']' else '' end"
    return f"replace({spellings.fitted(pattern, 't', held)}, '{_A_SURNAME}', {few})"


def _slips(word: str) -> str:
    """SQL: patterns of a word with one letter left out, changed, put in, or two swapped."""
    slipped = (
        f"flatten(list_transform(generate_series(1, length({word})), lambda i: ["
        f"{word}[1:i - 1] || '[a-z]?' || {word}[i + 1:], {word}[1:i] || '[a-z]' || {word}[i + 1:], "
        f"{word}[1:i - 1] || {word}[i + 1:i + 1] || {word}[i:i] || {word}[i + 2:]]))"
    )
    return f"{joined(slipped, '|')} || '|[a-z]' || {word}"


def _name_tables() -> dict[str, str]:
    """Temp tables by name: each name's Chinese part, Latin words and which of them are ordinary words; its pinyin."""
    # A syllable with ü has v here; passports write yu, texts u or ü (which are one without accents).
    with_umlaut = "list_transform(w, lambda word: replace(word, 'v', '{}'))".format
    readings = "map {" + ", ".join(f"'{sign}': '{reading}'" for sign, reading in _SURNAME_READINGS.items()) + "}"
    return {
        "_word": f"select unnest({_listed(_COMMON_EN)}) as word, 'en' as list union all select unnest({_listed(_COMMON_ZH)}), 'zh' "
        f"union all select unnest({_listed(_NICK_ZH)}), 'nick'",
        "_name": rf"""
            select n.*, z.word is not null as is_common, g.word is not null as is_common_given, h[length(s) + 1:] as g,
                b.word is not null as is_common_pair,
                coalesce(list_filter(w, lambda x: length(x) >= 3 and not list_contains(c.words, x)), []) as rare,
                list_contains(c.words, w[1]) as is_common_first, list_contains(c.words, w[-1]) as is_common_last
            from (
                select *, case when regexp_matches(h, '^(?:{DOUBLE_SURNAMES})') and length(h) > 2 then h[1:2] else h[1:1] end as s
                from (
                    select value_no, role, regexp_replace(v, '[^{HAN}]', '', 'g') as h,
                        list_filter(string_split(trim(regexp_replace(regexp_replace(strip_accents(v), '[{HAN}0-9()（）"“”]+', ' ', 'g'),
                            '[\s,.·]+', ' ', 'g')), ' '), lambda x: x <> '') as w
                    from _own_value where role in ('name', 'agent')
                )
            ) n cross join (select list(word) as words from _word where list = 'en') c
            left join _word z on z.list = 'zh' and z.word = h
            left join _word g on g.list = 'zh' and g.word = h[length(s) + 1:]
            left join _word b on b.list = 'zh' and b.word = h[1:2]
        """,
        "_pinyin": f"""
            select distinct value_no, role, unnest([w, {with_umlaut("yu")}, {with_umlaut("u")}]) as w
            from (select value_no, role, [coalesce({readings}[s], array_to_string(y[1:length(s)], '')), array_to_string(y[length(s) + 1:], ' ')] as w
            from (
                select value_no, role, s, list(syllable order by nth) as y
                from (select value_no, role, s, h, unnest(string_split(h, '')) as sign, generate_subscripts(string_split(h, ''), 1) as nth
                      from _name where length(h) between 2 and 4)
                join _syllable using (sign) group by value_no, role, s, h
            ) where len(y) > length(s))
        """,
    }


def _name_needles() -> str:
    titles = _listed(" ".join(_TITLES_ZH))
    sign = r"[\x{4e00}-\x{9fff}]"
    # Chinese: full name, with titles, the given name alone, 小 and 老 with the surname, one character wrong.
    han = f"""
        select value_no, role, place, probe, '' as second_probe, '' as unless, pattern from (
            select value_no, role, unnest(list_concat(list_concat(
                case when is_common then list_transform({titles}, lambda x: h || x) else [h] end,
                list_transform({titles}, lambda x: s || x)), list_concat(['小' || s, '老' || s],
                case when length(g) >= 2 and not is_common_given then [g] else []::varchar[] end))) as phrase,
                case when phrase = g then '{_A_SURNAME}?' else '' end as before,
                5 as place, phrase as probe,
                before || list_aggregate(string_split(phrase, ''), 'string_agg', '[\\s·.*]?') as pattern
            from _name where length(h) between 2 and 20
        ) where phrase not in (select word from _word where list = 'nick' or (list = 'zh' and length(phrase) = 2 and phrase[1] in ('小', '老')))
        union all
        select value_no, role, 4, s, h[-1:], h, s || '(?:' || h[3:3] || h[2:2] || '|{sign}?' || h[-1:] || '|' || h[2:2] || '{sign}' || h[-1:] || ')'
        from _name where length(h) = 3 and length(s) = 1 and s || h[-1:] not in (select word from _word where list = 'zh')
        union all
        select value_no, role, 4, s, '', h, s || '(?:' || string_agg(a.sign, '|') || ')'
        from _name join _syllable y on y.sign = g join _syllable a on a.syllable = y.syllable and contains('{_GIVEN_SIGNS}', a.sign)
        where length(h) = 2 and a.sign <> g and s || a.sign not in (select word from _word where list in ('zh', 'nick')) group by value_no, role, s, h, g
        union all
        select value_no, role, 4, g, '', h, '(?:' || string_agg(a.sign, '|') || ')' || g
        from _name join _syllable y on y.sign = s join _syllable a on a.syllable = y.syllable and contains('{ANY_SURNAME}', a.sign)
        where length(h) = 2 and a.sign <> s and a.sign || g not in (select word from _word where list in ('zh', 'nick')) group by value_no, role, s, h, g
        union all
        select value_no, role, 6, h[1:2], '', h, h[1:2] || '{sign}' from _name
        where length(h) = 3 and length(s) = 1 and not is_common_pair
    """
    # Pinyin of Chinese names, written as one would in Latin letters.
    spoken, short = _listed(_SPOKEN_SYLLABLES), _listed(_ABBREVIATIONS)
    given = "string_split(w[2], ' ')"
    latin_of_pinyin = f"""
        select value_no, role, unnest(list_filter([w[1] || ' ' || w[2], w[2] || ' ' || w[1],
            case when contains(w[2], ' ') and length(w[2]) >= 6 then w[2] end,
            case when len({given}) = 2 then w[1] || ' ' || {given}[1][1] || ' ' || {given}[2][1] end,
            case when len({given}) = 2 then {given}[1][1] || ' ' || {given}[2][1] || ' ' || w[1] end,
            case when len({given}) = 2 and not list_contains({short}, w[1][1] || {given}[1][1] || {given}[2][1])
                then w[1][1] || ' ' || {given}[1][1] || ' ' || {given}[2][1] end],
            lambda x: x is not null and not list_has_all({spoken}, string_split(x, ' ')))) as phrase
        from _pinyin
    """
    latin = """
        select value_no, role, unnest(list_concat(
            case when len(w) > 1 then list_concat([list_aggregate(w, 'string_agg', ' '), list_aggregate(list_reverse(w), 'string_agg', ' '),
                w[1] || ' ' || w[-1], w[-1] || ' ' || w[1]],
                case when is_common_last then []::varchar[] else [w[1][1] || ' ' || w[-1], w[-1] || ' ' || w[1][1]] end)
            else []::varchar[] end, list_concat(rare, case when is_common_last then ['mr ' || w[-1], 'ms ' || w[-1]] else []::varchar[] end))) as phrase
        from _name where len(w) >= 1 and not (len(w) = 1 and length(w[1]) < 2)
    """
    # Both words of a name side by side, one of them with a slip; the half of it that is right is the second probe.
    pairs = """
        select value_no, role, w[1] as a, w[-1] as b from _name where len(w) >= 2 and not is_common_first and not is_common_last
        union all select value_no, role, w[1], replace(w[2], ' ', '') from _pinyin
    """
    slips = rf"""
        select value_no, role, 4 as place, b as probe, unnest([a[1:(length(a) - 1) // 2], right(a, (length(a) - 1) // 2)]) as second_probe,
            a || b as unless, '\b(?:(?:' || slipped || ')[\s.,_\-]{{1,3}}' || b || '|' || b || '[\s.,_\-]{{1,3}}(?:' || slipped || '))\b' as pattern
        from (
            select value_no, role, a, b, {_slips("a")} as slipped
            from (from ({pairs}) union all select value_no, role, b, a from ({pairs}))
            where regexp_full_match(a, '[a-z]{{2,15}}') and regexp_full_match(b, '[a-z]{{2,15}}') and length(a) + length(b) >= 6
        )
    """
    initials = r"""
        select value_no, role, 8 as place, list_aggregate(list_transform(w, lambda x: x[1]), 'string_agg', '') as probe, '' as second_probe, '' as unless,
            '\b' || list_aggregate(list_transform(w, lambda x: regexp_escape(x[1])), 'string_agg', '\.\s?') || '\.' as pattern
        from (select value_no, role, w from _name where len(w) >= 2
              union all select value_no, role, list_concat([w[1]], string_split(w[2], ' ')) from _pinyin)
    """
    return f"""
        select value_no, role = 'agent' as is_agent, place, false as is_number, probe, second_probe, unless, pattern from (
            {han}
            union all
            select value_no, role, 5, squeezed, '', '', {_phrase_pattern("phrase")}
            from (select *, {squeezed("phrase")} as squeezed from ({latin} union all {latin_of_pinyin})) where length(squeezed) >= 3
            union all {slips} union all {initials}
        )
    """


def _value_needles() -> str:
    """E-mail addresses and their local part, postal addresses and their lines, handles: literally, blanks apart."""
    common = _listed(_COMMON_EN)
    places = (
        "list_distinct(list_concat([v], list_concat("
        r"list_filter(string_split_regex(v, '[,;\n]\s*'), lambda x: length(x) >= 8 and regexp_matches(x, '[0-9]')), "
        r"[regexp_replace(v, '^\p{Han}{2,}?(?:省|自治区|市)(?:\p{Han}{1,8}?(?:市|区|县))?', '')])))"
    )
    local = "split_part(v, '@', 1)"
    phrases = f"""
        select value_no, role, v as phrase, 1 as place, 5 as shortest from _own_value where role = 'email'
        union all
        select value_no, role, {local}, 4, 5 from _own_value
        where role = 'email' and regexp_matches({local}, '[0-9._\\-+]|^.{{8,}}$') and not list_contains({common}, regexp_replace({local}, '[0-9._\\-+]', '', 'g'))
        union all
        select value_no, role, unnest({places}), 3, 6 from _own_value where role = 'address'
        union all
        select value_no, role, trim(v, ' @'), 4, 4 from _own_value where role = 'handle'
    """
    edge = "case when regexp_matches(phrase, '{}') then '{}' else '' end"
    opening, closing = edge.format("^[0-9a-z]", r"@?\b"), edge.format("[0-9a-z]$", r"\b(?:@[a-z0-9.\-]*[a-z0-9])?")
    blanks = r"'[\s,，]{0,3}'"
    before = rf"case when role = 'address' and regexp_matches(phrase, '^[{HAN}]') then '(?:{SIGN}{{2,6}}(?:省|市|州)){{0,2}}(?:{SIGN}{{2,5}}(?:区|县))?' else '' end"
    # An address with one slip: the half that is right is the probe.
    return rf"""
        select value_no, false, place, false, {squeezed("strip_accents(phrase)")}, '', '', {opening} || {before} || replace(regexp_escape(upper(phrase)), '\ ', {blanks}) || {closing}
        from ({phrases}) where length(phrase) >= shortest
        union all
        select value_no, false, 3, false, {squeezed("strip_accents(kept)")}, '', {squeezed("strip_accents(phrase)")}, {opening} || {before} || pattern || {closing}
        from (
            select value_no, role, phrase, unnest([phrase[1:h], phrase[h + 2:]]) as kept, unnest([
                {joined("signs[1:h]")} || '(?:' || {_one_slip("signs", "h + 1", "length(phrase)")} || ')',
                '(?:' || {_one_slip("signs", "1", "h + 1")} || ')' || {joined("signs[h + 2:]")}]) as pattern
            from (
                select *, length(phrase) // 2 as h, list_transform(string_split(upper(phrase), ''), lambda x: replace(regexp_escape(x), '\ ', {blanks})) as signs
                from ({phrases}) where role = 'address' and length(phrase) >= case when regexp_matches(phrase, '[{HAN}]') then 6 else 8 end
                    and regexp_matches(phrase, '[0-9]')
            )
        )
    """


def _one_slip(signs: str, first: str, last: str) -> str:
    """SQL: patterns of a stretch of a list of signs in which one is wrong, left out or put in, or two are swapped."""
    sign = f"[0-9a-z{HAN}]"
    two = f"[{signs}[i] || '{sign}' || {signs}[i + 1], {signs}[i + 1] || {signs}[i], '{sign}?' || {signs}[i + 1], {signs}[i] || '{sign}?']"
    stretch = (
        f"list_transform(generate_series({first}, {last} - 1), lambda i: list_aggregate(list_concat(list_concat("
        f"{signs}[{first}:i - 1], ['(?:' || {joined(two, '|')} || ')']), {signs}[i + 2:{last}]), 'string_agg', ''))"
    )
    return joined(stretch, "|")


def _phone_needles() -> str:
    return rf"""
        select value_no, false, 2, true, d, '', '', '{_COUNTRY_CODE}' || list_aggregate(string_split(d, ''), 'string_agg', '{GAP_IN_NUMBER}') || '[0-9]?'
        from _number where value_no in (select value_no from _near_number)
    """


def definition() -> str:
    """The SQL that decides what is looked for, for the version of the redaction."""
    held = Scripts()
    queries = (
        _gates("v", held),
        _numbers("v"),
        *_name_tables().values(),
        _name_needles(),
        _value_needles(),
        _phone_needles(),
    )
    return "".join(queries) + find("t", held) + fitted("p", held)
