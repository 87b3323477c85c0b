"""Free text without identifiers: the pipeline that turns a text column into redacted text, as one SQL expression.

Keep out: any one kind of identifier (rules/), normal forms for the blind index (normalise.py), names of other persons.
"""

from collections.abc import Mapping

from duckdb import DuckDBPyConnection

from orchestration.engine import literal
from orchestration.privacy.normalise import folded_text, normal_phone
from orchestration.privacy.rules import all_rules
from orchestration.privacy.rules.name_zh import DOUBLE_SURNAMES
from orchestration.privacy.rules.rule import GIVEN_SIGNS, MARK, SIGNS, TOKENS, sql_text

PREFIX = "redact_"

# Names that are ordinary words: masked in full name only, or with a title.
_COMMON_EN = (
    "will mark bill grace hope joy rose may april june august summer autumn dawn faith art angel sunny star honey candy cash chase "
    "best good long short young white black brown green gray grey blue day love king price page bank post call case order "
    "rich frank pat sue drew miles major early late free fast cheap great nice fine light bright sharp small little big "
    "store shop phone card email name self agent address handle plate refund ship box the and for you not but can has had was are "
    "test user guest customer client admin support service team help info sales contact office home null none unknown china"
)
_COMMON_ZH = (
    "高兴 高峰 高级 高手 高端 高度 高效 成功 成本 方便 方向 方法 方式 安全 安静 安装 安心 金额 金色 马上 平安 平时 平台 平衡 和平 和气 许可 许多 严重 "
    "温馨 温度 明白 明显 黄金 黄色 白色 白天 时间 时候 关心 关系 关于 包装 包裹 包括 程序 程度 单位 单独 于是 曾经 应该 何必 万一 常常 常见 路过 "
    "水平 水果 解决 解释 易用 毛病 文明 文件 元旦 华丽 古怪 莫名 支持 支付 强大 强烈 向来 计划 计算 广告 广大 全部 全新 全面 任何 任务 牛奶 "
    "石头 江湖 海鲜 云南 夏天 冬天 春天 秋天 凌晨 田野 周末 周到 周围 钱包 连接 连忙 相当 相信 有趣 有效 满意 满足 喜欢 幸福 快乐 开心 客服 "
    "用户 客户 顾客 匿名 先生 女士 测试 管理员 商家 店家 卖家 买家 老板 经理 无名 未知 空白 张开 张贴 李子 杨树 林业 费用 费劲 强调 强制 党员 "
    "沙发 花费 花样 雷同 师傅 习惯 房子 房间 欧洲 苏打 司机 游戏 游客 原因 原来 简单 简直 宁可 祝福 顺利 顺便 申请 农业 银行 别人 甘心 戴上 "
    "付款 付费 左右 东西 南方 上官 东方 叶子 段落 谢谢 孔子 汤圆 康复 贺卡 顾虑 白白 钟表 钟头 余额 余下 项目 祖国 武器 舒服 舒适 齐全 齐备"
)
_TITLES_ZH = ("先生", "女士", "小姐", "太太", "师傅", "老师", "经理", "总")
_GAP_IN_NUMBER = r"[ ().\-/_*\t\n]*"
_COUNTRY_CODE = rf"(?:(?:\+|\b00)[0-9]{{1,3}}{_GAP_IN_NUMBER})?(?:[(]?\b0[)]?)?[(\-]?"

_SENSITIVE = (
    # health
    r"\b(?:cancer|tumou?r|chemotherapy|diabet\w+|hiv|aids|depress(?:ion|ed)|anxiety|psychiatr\w+|therapist|pregnan\w+|miscarriage|abortion|"
    r"disab(?:led|ility)|surgery|hospitali[sz]ed|diagnos(?:ed|is)|epilep\w+|asthma|dementia|alzheimer\w*|medication|prescription|overdose|"
    r"suicid\w+|illness|disease|allerg(?:y|ic|ies)|heart attack|stroke)\b|"
    r"癌|肿瘤|化疗|糖尿病|艾滋|抑郁|焦虑症|精神病|精神科|怀孕|孕妇|流产|堕胎|残疾|手术|住院|确诊|癫痫|哮喘|痴呆|处方药|病历|诊断|自杀|过敏|"
    r"心脏病|高血压|中风|肝炎|病情|患者|患有|心理医生|不孕|白血病|"
    # faith
    r"\b(?:muslim|islam\w*|christian\w*|catholic|jew(?:ish)?|hindu\w*|buddhis[tm]|mosque|church|synagogue|halal|kosher|religio\w+|atheist)\b|"
    r"宗教|信仰|穆斯林|伊斯兰|清真|基督|天主教|佛教|道教|教堂|礼拜|信徒|"
    # sexual life
    r"\b(?:gay|lesbian|bisexual|transgender|homosexual\w*|lgbt\w*|sexual\w*|sex life|condoms?|viagra|erectile|escort)\b|"
    r"同性恋|双性恋|变性|性取向|性生活|性病|性功能|避孕|出柜|性骚扰|"
    # biometrics
    r"\b(?:fingerprints?|face id|facial recognition|iris scan|voiceprint|biometric\w*|dna)\b|指纹|人脸|刷脸|虹膜|声纹|生物识别|基因检测|"
    # financial accounts
    r"\b(?:account number|bank account|credit score|overdraft|salary|bankrupt\w*|pin code|cvv)\b|"
    r"银行账[户号]|银行帐[户号]|银行卡|征信|工资|薪水|破产|公积金|密码|支付宝账号|余额不足|"
    # whereabouts
    r"\b(?:my location|gps|tracked me|where i live|home address|live alone|i live (?:at|in|on))\b|"
    r"行踪|定位|轨迹|我家住|我住在|家庭住址|住址|独居|跟踪我|酒店入住|住宿记录|"
    # minors
    r"\b(?:my (?:son|daughter|child|kid|baby|toddler|grandson|granddaughter)|under ?age|minors|(?:1[0-3]|[1-9])[- ]years?[- ]old|kindergarten|schoolchild\w*)\b|"
    r"未成年|我儿子|我女儿|我孩子|我家孩子|我家宝宝|宝宝|小学生|初中生|幼儿园|(?:[1-9]|1[0-3])岁|小朋友|婴儿"
)


def install(con: DuckDBPyConnection) -> None:
    """Create the macros that `redact_sql` uses, on this connection only (temporary)."""
    for name, body in _macros().items():
        con.execute(f"create or replace temp macro {name} as {body}")


def redact_sql(text: str, own: Mapping[str, str], agents: str | None) -> str:
    """A SQL expression for STRUCT(text, n, counts, residual, is_sensitive) of a text expression.

    `own` maps name, email, phone, address, handle to expressions of the record's own values and `agents` is one of its
    agents' names: each VARCHAR or VARCHAR[], or NULL. `n` is the number of redactions, `counts` a MAP from token to
    number. `residual` says that a cheap second look still finds an identifier: such a text must not pass. A NULL text
    gives a struct with a NULL text, n 0 and an empty map. Needs `install` on the connection.
    """
    roles = ["name", "email", "phone", "address", "handle"]
    unknown = set(own) - set(roles)
    if unknown:
        raise ValueError(f"unknown roles of own values: {', '.join(sorted(unknown))}")
    values = ", ".join(_as_list(own.get(role)) for role in roles)
    return f"{PREFIX}finish(({text})::varchar, {PREFIX}own({values}), {PREFIX}names({_as_list(agents)}))"


def _as_list(expression: str | None) -> str:
    """SQL: a VARCHAR or VARCHAR[] expression as VARCHAR[], never NULL."""
    if expression is None:
        return "[]::varchar[]"
    return f"{PREFIX}list(({expression})::union(one varchar, many varchar[]))"


def _chain(start: str, *steps: str) -> str:
    """Steps over the name `t`, each computed once: the value of one is the `t` of the next."""
    result = f"[{start}]"
    for step in steps:
        result = f"list_transform({result}, lambda t: {step})"
    return f"{result}[1]"


def _macros() -> dict[str, str]:
    rules = {f"{PREFIX}{rule.name}": rule for rule in all_rules()}
    macros = {f"{name}(t)": rule.sql("t") for name, rule in rules.items()}
    always = [name for name, rule in rules.items() if rule.order < 30 or rule.order >= 140]
    return {
        **macros,
        **_normalising(),
        **_own_values(),
        f"{PREFIX}rules(t)": _chain(
            "t",
            *(f"{name}(t)" for name in always if rules[name].order < 30),
            "case when regexp_matches(t, '[0-9一二三四五六七八九零〇幺两壹贰叁肆伍陆柒捌玖A-Z]') then "
            + _chain("t", *(f"{name}(t)" for name in rules if name not in always))
            + " else t end",
            *(f"{name}(t)" for name in always if rules[name].order >= 140),
        ),
        **_finishing(),
    }


def _normalising() -> dict[str, str]:
    entity = r"&#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6});?"
    mark = sql_text(MARK)
    code = (
        "case when part[3:3] in ('x', 'X') then try_cast('0x' || rtrim(part[4:], ';') as int) "
        "else try_cast(rtrim(part[3:], ';') as int) end"
    )
    decoded = (
        f"array_to_string(list_transform(string_split(regexp_replace(t, '({entity})', {mark} || '\\1' || {mark}, 'g'), {mark}), "
        f"lambda part, nth: case when nth % 2 = 1 then part else list_transform([{code}], lambda code: "
        "case when code between 32 and 55295 or code between 57344 and 1114111 then chr(code) else ' ' end)[1] end), '')"
    )
    percent = (
        f"array_to_string(list_transform(string_split(regexp_replace(t, '((?:%3[0-9]){{6,}})', {mark} || '\\1' || {mark}, 'g'), "
        f"{mark}), lambda part, nth: case when nth % 2 = 1 then part else replace(part, '%3', '') end), '')"
    )
    named = (
        r"regexp_replace(regexp_replace(regexp_replace(regexp_replace(t, '(?i)&(?:amp;|#0{0,5}38;|#x0{0,4}26;)+', '&', 'g'), "
        r"'(?i)&commat;', '@', 'g'), '(?i)&(?:nbsp|ensp|emsp|thinsp);', ' ', 'g'), "
        r"'(?i)&(?:shy|zwnj|zwj|lrm|rlm|zerowidthspace);', '', 'g')"
    )
    tokens = "|".join(TOKENS)
    given = "t"
    for token in TOKENS:
        given = f"replace({given}, '<{token}>', {sql_text(GIVEN_SIGNS[token])})"
    return {
        f"{PREFIX}fold(t)": folded_text("t"),
        f"{PREFIX}normal(t)": _chain(
            "t",
            f"{PREFIX}fold(t)",
            "case when contains(t, '&') then "
            + _chain(
                "t",
                named,
                decoded,
                f"{PREFIX}fold(t)",
                named,
                decoded,
                f"{PREFIX}fold(t)",
                f"regexp_replace(t, '{entity}', ' ', 'g')",
            )
            + " else t end",
            f"case when contains(t, '%3') then {percent} else t end",
            r"case when regexp_matches(t, '[0-9][\p{Mn}\p{Me}]') then regexp_replace(t, '([0-9])[\p{Mn}\p{Me}]+', '\1', 'g') else t end",
            f"case when regexp_matches(t, '<(?:{tokens})>') then {given} else t end",
        ),
    }


def _own_values() -> dict[str, str]:
    """Macros that turn the record's own values into one RE2 alternation each, NULL when there is nothing to look for."""
    common_en = "[" + ", ".join(literal(w) for w in _COMMON_EN.split()) + "]"
    common_zh = "[" + ", ".join(literal(w) for w in _COMMON_ZH.split()) + "]"
    titles = "[" + ", ".join(literal(t) for t in _TITLES_ZH) + "]"
    han = r"regexp_full_match(n, '\p{Han}{2,8}')"
    surname = f"case when regexp_matches(n, '^(?:{DOUBLE_SURNAMES})') and length(n) > 2 then n[1:2] else n[1:1] end"
    given = f"n[length({surname}) + 1:]"
    zh = (
        f"list_concat(case when list_contains({common_zh}, n) then list_transform({titles}, lambda title: n || title) else [n] end, "
        f"list_concat(list_transform({titles}, lambda title: {surname} || title), "
        f"case when length({given}) >= 2 and not list_contains({common_zh}, {given}) then [{given}] else []::varchar[] end))"
    )
    words = r"string_split(trim(regexp_replace(n, '[\s,.]+', ' ', 'g')), ' ')"
    en = (
        f"list_transform([{words}], lambda w: list_concat("
        "case when len(w) > 1 then [array_to_string(w, ' '), array_to_string(list_reverse(w), ' '), "
        "w[1][1] || ' ' || w[-1], w[1] || ' ' || w[-1], w[-1] || ' ' || w[1], array_to_string(w, '')] else []::varchar[] end, "
        f"list_filter(w, lambda x: length(x) >= 3 and not list_contains({common_en}, x))))[1]"
    )
    clean = r"regexp_replace(regexp_replace(lower(trim({})), '\s+', ' ', 'g'), '(\p{{Han}}) (\p{{Han}})', '\1\2', 'g')"
    nsn = (
        r"case when starts_with(p, '+86') then p[4:] when starts_with(p, '+1') then p[3:] "
        r"when regexp_matches(p, '^\+(?:33|44|49)') then p[4:] "
        r"when starts_with(p, '+') then right(p, greatest(length(p) - 4, least(length(p) - 1, 8))) "
        r"when starts_with(p, '0') then p[2:] else p end"
    )
    return {
        f"{PREFIX}list(u)": "list_filter(coalesce(u.many, [u.one]), lambda v: v is not null and trim(v) <> '')",
        f"{PREFIX}variants(names)": (
            "list_distinct(flatten(list_transform(flatten(list_transform(list_transform(names, lambda v: "
            + clean.format(f"{PREFIX}fold(v)")
            + rf"), lambda n: [n, strip_accents(n)])), lambda n: case when regexp_matches(n, '\p{{Han}}') then case when {han} "
            f"then {zh} else case when length(n) >= 2 then [n] else []::varchar[] end end when length(n) < 2 then []::varchar[] else {en} end)))"
        ),
        # A pattern and the plain words it needs, so that rows without any of them never compile the pattern.
        f"{PREFIX}names(names)": (
            f"list_transform([list_sort(list_filter({PREFIX}variants(names), lambda v: length(v) >= 2), 'desc')], lambda vs: "
            "{'needs': list_transform(vs, lambda v: "
            r"case when regexp_matches(v, '\p{Han}') then v[1:1] else regexp_extract(v, '^[^ '']+') end), 'values': vs})[1]"
        ),
        f"{PREFIX}own(names, emails, phones, addresses, handles)": (
            f"{{'names': {PREFIX}names(names), 'emails': list_transform(emails, lambda v: lower(trim({PREFIX}fold(v)))), "
            f"'phones': list_filter(list_transform(phones, lambda v: list_transform([coalesce({normal_phone('v', 'null::varchar')}, "
            rf"regexp_replace(v, '[^0-9]', '', 'g'))], lambda p: {nsn})[1]), lambda d: length(d) >= 6), "
            f"'addresses': list_transform(addresses, lambda v: lower(trim({PREFIX}fold(v)))), "
            f"'handles': list_transform(handles, lambda v: lower(trim({PREFIX}fold(v), ' @')))}}"
        ),
    }


def _finishing() -> dict[str, str]:
    self_sign, agent_sign = sql_text(SIGNS["SELF"]), sql_text(SIGNS["AGENT"])
    signs = rf"[\x{ord(SIGNS['SELF']):02x}-\x{ord(SIGNS[TOKENS[-1]]):02x}]"
    names = (
        "list_transform([list_filter(who.values, lambda v, nth: contains(low, who.needs[nth]))], lambda found: "
        "case when len(found) = 0 then t else regexp_replace(t, '(?i)' || array_to_string(list_transform(found, lambda v: "
        r"case when regexp_matches(v, '^[0-9a-z]') then '\b' else '' end || "
        r"case when regexp_matches(v, '\p{Han}') then array_to_string(list_transform(string_split(v, ''), lambda sign: regexp_escape(sign)), '\s?') else "
        r"replace(replace(regexp_escape(v), '\ ', '[\s.,]+'), '\''', '[''’ʼ]?') end || case when regexp_matches(v, '[0-9a-z]$') then '\b' else '' end), '|'), "
        "sign, 'g') end)[1]"
    )
    literally = (
        "list_transform([list_filter(found_values, lambda v: length(v) >= shortest and contains(low, v))], lambda found: "
        "case when len(found) = 0 then t else regexp_replace(t, '(?i)' || array_to_string(list_transform(list_sort(found, 'desc'), lambda v: "
        r"case when regexp_matches(v, '^[0-9a-z]') then '@?\b' else '' end || regexp_escape(v) || "
        r"case when regexp_matches(v, '[0-9a-z]$') then '\b' else '' end), '|'), sign, 'g') end)[1]"
    )
    places = (
        "list_distinct(flatten(list_transform(lines, lambda v: list_concat([v], list_concat("
        r"list_filter(string_split_regex(v, '[,;\n]\s*'), lambda x: length(x) >= 8 and regexp_matches(x, '[0-9]')), "
        r"[regexp_replace(v, '^\p{Han}{2,}?(?:省|自治区|市)(?:\p{Han}{1,8}?(?:市|区|县))?', ''), replace(v, ' ', '')])))))"
    )
    # A number written in one piece is replaced as it is; only one with gaps needs a pattern of its own, which is slow.
    phones = (
        "list_transform([regexp_replace(t, '[^0-9]', '', 'g')], lambda all_digits: list_reduce(list_filter(numbers, lambda d: "
        "contains(all_digits, d)), lambda seen, d: list_transform([case when contains(seen, d) then "
        f"regexp_replace(replace(seen, d, sign), '{_COUNTRY_CODE}([\\x0e-\\x1f])', '\\1', 'g') else seen end], lambda rest: "
        "case when contains(regexp_replace(rest, '[^0-9]', '', 'g'), d) then regexp_replace(rest, "
        f"'{_COUNTRY_CODE}' || array_to_string(string_split(d, ''), '{_GAP_IN_NUMBER}'), sign, 'g') else rest end)[1], t))[1]"
    )
    linked = _chain(
        "t",
        f"case when len(own.emails) > 0 and contains(t, '@') then {PREFIX}replace(t, lower(t), own.emails, 5, {self_sign}) else t end",
        f"case when len(own.phones) > 0 then {PREFIX}phones(t, own.phones, {self_sign}) else t end",
        f"case when len(own.addresses) > 0 then {PREFIX}replace(t, lower(t), {PREFIX}places(own.addresses), 6, {self_sign}) else t end",
        f"case when len(own.handles) > 0 then {PREFIX}replace(t, lower(t), own.handles, 4, {self_sign}) else t end",
        f"case when len(own.names.values) > 0 then {PREFIX}people(t, lower(t), own.names, {self_sign}) else t end",
        f"case when len(agents.values) > 0 then {PREFIX}people(t, lower(t), agents, {agent_sign}) else t end",
    )
    shown = "t"
    for token in TOKENS:
        shown = f"replace(replace({shown}, {sql_text(SIGNS[token])}, '<{token}>'), {sql_text(GIVEN_SIGNS[token])}, '<{token}>')"
    once = f"{PREFIX}rules({PREFIX}linked(t, own, agents))"
    residual = (
        r"regexp_matches(t, '[A-Za-z0-9._%+\-]@[A-Za-z0-9\-]+\.[A-Za-z]{2}|(?:^|[^0-9])1[3-9][0-9]{9}(?:[^0-9]|$)"
        r"|(?:^|[^0-9])[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])[0-9]{3}[Xx]')"
    )
    names_of_tokens = "[" + ", ".join(f"'{t}'" for t in TOKENS) + "]"
    return {
        f"{PREFIX}people(t, low, who, sign)": names,
        f"{PREFIX}replace(t, low, found_values, shortest, sign)": literally,
        f"{PREFIX}places(lines)": places,
        f"{PREFIX}phones(t, numbers, sign)": phones,
        f"{PREFIX}linked(t, own, agents)": linked,
        f"{PREFIX}pass(t, own, agents)": once,
        # What one pass changes may uncover more: rows that changed are read again, so that the result is a fixed point.
        f"{PREFIX}settle(t, own, agents)": (
            "list_reduce([{'t': t, 'is_settled': false}, null, null, null], lambda state, turn: "
            f"case when state.is_settled then state else list_transform([{PREFIX}pass(state.t, own, agents)], lambda after: "
            f"{{'t': after, 'is_settled': coalesce(after = state.t or not regexp_matches(after, '{signs}'), true)}})[1] end)"
        ),
        f"{PREFIX}finish(given, own_values, agent_values)": (
            "list_transform([own_values], lambda own: list_transform([agent_values], lambda agents: list_transform(list_transform("
            f"[{PREFIX}normal(given)], lambda t: {PREFIX}settle(t, own, agents)), "
            "lambda r: {"
            f"'text': {PREFIX}show(r.t), 'n': coalesce(length(regexp_replace(r.t, '[^{signs[1:-1]}]', '', 'g')), 0), "
            f"'counts': {PREFIX}counts(r.t), 'residual': coalesce(not r.is_settled or {residual.replace('(t,', '(r.t,')}, false), "
            f"'is_sensitive': coalesce(regexp_matches(r.t, '(?i){_SENSITIVE}'), false)}})[1])[1])[1]"
        ),
        f"{PREFIX}show(t)": rf"case when regexp_matches(t, '[\x0e-\x1f\x{{90}}-\x{{9f}}]') then {shown} else t end",
        f"{PREFIX}counts(t)": (
            f"case when not regexp_matches(t, '{signs}') then map([]::varchar[], []::bigint[]) else map_from_entries(list_filter(list_transform({names_of_tokens}, lambda token, nth: "
            "{'key': token, 'value': (length(t) - length(replace(t, chr((13 + nth)::int), '')))::bigint}), lambda entry: entry.value > 0)) end"
        ),
    }
