"""Made-up texts in Chinese and English with labelled identifiers, evasions, and number-rich texts that hold none.

Keep out: measuring. Rules are tuned on the half "tune" only; figures are reported on the half "report".
"""

import random
import re
from collections.abc import Iterator

from tests.bench.redaction_measure import Labelled

# Slots: {TOKEN_kind}. Even lines are the half "tune", odd lines the half "report".
TEMPLATES_ZH = """\
我的手机号是{PHONE_mobile},请尽快回电
订单一直没发货,联系我{PHONE_mobile}谢谢
电话{PHONE_mobile}身份证{ID_resident}都登记过了
你们客服让我加微信{HANDLE_wechat}才肯退款
请发到邮箱{EMAIL_plain}就行
发票寄{ADDRESS_zh},收件人电话{PHONE_spaced}
卡号{CARD_plain}被重复扣款三次
身份证号{ID_resident}验证失败
我用尾号是信用卡{CARD_spaced}付的款
实名认证身份证{ID_resident}老是不通过
座机{PHONE_fixed}没人接
加我QQ{HANDLE_qq}细说
qq:{HANDLE_qq} 随时在
下午打{PHONE_fixed}找我
登录IP是{IP_v4}显示异常
从{IP_v4}登录的不是我本人
车牌{PLATE_cn}停在门口被刮了
我的车{PLATE_cn}年检没过
地址:{ADDRESS_zh}
住在{ADDRESS_zh}的用户投诉
邮件{EMAIL_plain}收不到验证码
联系邮箱:{EMAIL_plain}。麻烦了
换绑手机{PHONE_spaced}不成功
号码换成{PHONE_plus86}了
海外用户{PHONE_plus86}也打不通吗
微信号:{HANDLE_wechat},备注售后
点这个链接{URL_query}打不开
退款页面 {URL_query} 一直转圈
退到这张卡{CARD_plain}上
银行卡{CARD_spaced}已挂失
13岁孩子用我的身份证{ID_resident}注册的
快递员说电话{PHONE_mobile}是空号
IBAN是{IBAN_plain}请退款
欧洲账户{IBAN_spaced}怎么填
"""
TEMPLATES_EN = """\
Please call me at {PHONE_us} before noon
You can reach me on {PHONE_us}, thanks
my card {CARD_plain} was charged twice
The card number is {CARD_spaced} and it expires soon
My SSN is {ID_ssn}
social security number: {ID_ssn}.
Refund to IBAN {IBAN_plain} please
our account {IBAN_spaced} has changed
Mail me: {EMAIL_plain}!
Write to {EMAIL_plain} about the refund
Login from {IP_v4} was not me
blocked address {IP_v6} again
strange session {IP_v6} in my history
Someone at {IP_v4} used my account
My new number {PHONE_uk} works better
text {PHONE_de} when it ships
Office: {PHONE_de}, ask for the manager
call {PHONE_uk} after six
see {URL_query} for the order
the page {URL_query} fails
I live at {ADDRESS_en} and nothing came
Ship it to {ADDRESS_en}, please
({PHONE_us}) is my cell
Phone: {PHONE_fr}
mon portable {PHONE_fr} merci
Visa {CARD_plain} declined
my chinese mobile {PHONE_plus86} gets no code
number {PHONE_plus86} is registered
"""

# Clean texts rich in numbers: orders, parcels, prices, dates, times, versions, sizes, ids of goods.
# No line of the half "report" was looked at while rules were tuned.
CLEAN = {
    "tune": """\
订单号{n18}一直没发货,下单时间{date} {time}
版本{ver}升级后第{n2}次闪退,昨天{time}又来一次
原价¥{price},优惠{n2}%,实付{price}元,省了{n3}块
快递单号SF{n13},{date}签收,重{price}kg
型号X{n3}-{n4},尺寸{n3}x{n3}x{n2}mm,容量{n4}mAh
{year}年{m}月{d}日{time}下单,{year}年{m}月{d}日收到,共{n2}天
客服热线400-{n3}-{n4}打了{n2}分钟没人接,10086也不管
排队{n3}位,等了{n2}分{n2}秒,编号{n6},窗口{n2}
二〇二四年一月一日买的,三十五块钱,用了一百二十天,打八折
第{n1}楼有{n3}人说{n2}%的概率,{n4}票,{n6}次浏览
ISBN 978-7-{n3}-{n5}-{n1},{n3}页,{price}元
运费{n2}元 满{n3}减{n2} 共{n4}件 余{n3} {n2} {n2} {n2}
订单 {date8}{n8} 已支付 {price} 元,流水号 {date8}{n10}
""",
    "report": """\
order {n17} shipped on {date}, total ${price}
version {ver} crashed {n2} times since {date}
Paid {price} for {n2} items, saved {price}, invoice {n9}
Tracking 1Z{n9}AA arrived {date} at {time}
Model A{n4} is {n3} x {n3} mm, {n4} mAh, SKU {n8}
between {date} and {date} we got {n2}, {n3} and {n4} visits
rated {n1}/5, would pay {price}-{price}, used since {year}
ticket #{n7} was closed {date}, reopened {date} {time}, case {n10}
seat {n2}A, gate {n2}, flight MU{n4}, {date} {time}, bag {n10}
firmware {ver}.{n2} build {n6}, {n2} fps at {n4}x{n4}
Score {n2}:{n2}, {n3},{n3} views, 1,{n3},{n3} likes, {year}-{year}
batch {n8}-{n4}, exp {date}, lot {n6}/{n3}, {price} EUR
PO {n4}-{n7}-{n7} placed {date} {time}:{n2}
{date}下的单,{date} {time}才出库,等了{n2}天
这款{n4}毫安的充电宝用了{n2}个月,只剩{n2}%
取件码{n1}-{n2}-{n4},放在{n2}号柜第{n2}格
发票金额{price}元,税额{price}元,发票代码{n12}
预约号A{n3},窗口{n2},叫到{n3}号还没轮到我
会员积分{n5}分,兑换了{n2}张券,还剩{n4}
续航从{n3}公里掉到{n3}公里,电压{price}伏
系统提示错误码{n5},版本号{ver},日志{date8}
{year}款{n2}寸,分辨率{n4}x{n4},刷新率{n3}赫兹
团购{n3}人成团,原价{price}现价{price},省{n2}%
一共三千二百五十块,分十二期,每期两百七十一
航班CA{n4},{date} {time}起飞,座位{n2}排
工单{n10}于{date}关闭,处理时长{n4}分钟,满意度{n1}分
""",
}

# The same identifier written so that it is not found: the text, and what has to become of it.
EVASIONS = [
    ("１３８００１３８０００", "<PHONE>"),
    ("\u200b".join("13800138000"), "<PHONE>"),
    ("138\u00ad0013\u20608000", "<PHONE>"),
    ("138\u00a00013\u20038000", "<PHONE>"),
    ("1 3 8 0 0 1 3 8 0 0 0", "<PHONE>"),
    ("1-3-8-0-0-1-3-8-0-0-0", "<PHONE>"),
    ("138*0013*8000", "<PHONE>"),
    ("138,0013,8000", "<PHONE>"),
    ("138\n0013\n8000", "<PHONE>"),
    ("一三八零零一三八零零零", "<PHONE>"),
    ("壹叁捌零零壹叁捌零零零", "<PHONE>"),
    ("1三8零零1三8零零零", "<PHONE>"),
    ("①③⑧⓪⓪①③⑧⓪⓪⓪", "<PHONE>"),
    ("𝟏𝟑𝟖𝟎𝟎𝟏𝟑𝟖𝟎𝟎𝟎", "<PHONE>"),
    ("١٣٨٠٠١٣٨٠٠٠", "<PHONE>"),
    ("1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣0️⃣0️⃣0️⃣", "<PHONE>"),
    ("&#49;&#x33;8001&#0051;8000", "<PHONE>"),
    ("138%200013%208000", "<PHONE>"),
    ("tel:+86%20138%200013%208000", "tel:<PHONE>"),
    ("138%25200013%25208000", "<PHONE>"),
    ("138&ndash;0013&ndash;8000", "<PHONE>"),
    ("138&nbsp0013&nbsp8000", "<PHONE>"),
    ("&#65297;&#65299;&#65304;００138000", "<PHONE>"),
    ("%31%33%38%30%30%31%33%38%30%30%30", "<PHONE>"),
    ("zhang(at)example.com", "<EMAIL>"),
    ("zhang at example dot com", "<EMAIL>"),
    ("zhang dot wei at example dot com", "<EMAIL>"),
    ("zhang&#64;example&#46;com", "<EMAIL>"),
    ("zhang&amp;#64;example.com", "<EMAIL>"),
    ("zhang&commat;example.com", "<EMAIL>"),
    ("zhang%40example.com", "<EMAIL>"),
    ("zhang.wei@example%2Ecom", "<EMAIL>"),
    ("zhang.wei%2540example.com", "<EMAIL>"),
    ("zhang&#37;40example.com", "<EMAIL>"),
    ("zhang&period;wei&commat;example&period;com", "<EMAIL>"),
    ("zhang&amp;commat;example&amp;period;com", "<EMAIL>"),
    ("zhang＠example．com", "<EMAIL>"),
    ("zhang@\nexample.com", "<EMAIL>"),
    ("zh\u200dang@exam\u200bple.com", "<EMAIL>"),
    ("4111.1111.1111.1111", "<CARD>"),
    ("4111 1111\n1111 1111", "<CARD>"),
    ("4111%201111%201111%201111", "<CARD>"),
    ("身份证%2011010519491231002X", "身份证 <ID>"),
    ("11010519491231００２Ｘ", "<ID>"),
    ("110105 19491231 002X", "<ID>"),
    ("一一零一零五一九四九一二三一零零二X", "<ID>"),
    ("DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000", "<IBAN>"),
]
# What is not caught, each a known limit.
EVASION_LIMITS = [
    "l38OOl38OOO",  # letters for digits
    "z h a n g @ q q . c o m",  # spaced letters
    "yao san ba 0013 8000",  # numerals in pinyin
    "zhang#example.com",  # another sign for @
    "00083100831",  # backwards
]


def _luhn_digit(number: str) -> str:
    total = 0
    for nth, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if nth % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


class Maker:
    """Makes values from a seed; every kind is valid by its checksum."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def digits(self, count: int) -> str:
        """Digits that do not begin with 0."""
        return str(self.random.randint(1, 9)) + "".join(str(self.random.randint(0, 9)) for _ in range(count - 1))

    def value(self, kind: str) -> str:
        """A value of a kind, e.g. mobile."""
        made: str = getattr(self, f"_{kind}")()
        return made

    def _mobile(self) -> str:
        return "1" + self.random.choice("3456789") + self.digits(9)

    def _phone_spaced(self) -> str:
        number, gap = self._mobile(), self.random.choice([" ", "-", " - ", "."])
        return gap.join([number[:3], number[3:7], number[7:]])

    def _plus86(self) -> str:
        return self.random.choice(["+86 ", "+86", "0086", "+86-", "(+86)"]) + self._mobile()

    def _fixed(self) -> str:
        area = self.random.choice(["010", "021", "0755", "0571"])
        return area + self.random.choice(["-", " ", ""]) + self.random.choice("2345678") + self.digits(7)

    def _us(self) -> str:
        a, b, c = self.random.randint(201, 989), self.random.randint(200, 999), self.random.randint(1000, 9999)
        return self.random.choice(
            [f"({a}) {b}-{c}", f"{a}-{b}-{c}", f"+1 {a} {b} {c}", f"{a}.{b}.{c}", f"1-{a}-{b}-{c}", f"{a}-{b}-{c}x{c}"]
        )

    def _uk(self) -> str:
        return self.random.choice(["07", "+44 7"]) + self.digits(3) + " " + self.digits(6)

    def _de(self) -> str:
        return self.random.choice(
            [
                f"+49 151 {self.digits(8)}",
                f"030 {self.digits(7)}",
                f"0151-{self.digits(8)}",
                f"+49 (0)89 {self.digits(6)}",
            ]
        )

    def _fr(self) -> str:
        return self.random.choice([f"0{p}" for p in "1679"]) + "".join(
            f" {self.random.randint(10, 99)}" for _ in range(4)
        )

    def _resident(self) -> str:
        region = self.random.choice(["110105", "310115", "440305", "330106", "510107"])
        born = f"{self.random.randint(1950, 2012)}{self.random.randint(1, 12):02}{self.random.randint(1, 28):02}"
        body = region + born + f"{self.random.randint(0, 999):03}"
        weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
        sign = "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]
        return body + (sign.lower() if self.random.random() < 0.2 else sign)

    def _card(self) -> str:
        start, length = self.random.choice(
            [
                ("4", 16),
                ("51", 16),
                ("55", 16),
                ("6222", 19),
                ("6217", 16),
                ("37", 15),
                ("6011", 16),
                ("35", 16),
                ("2221", 16),
            ]
        )
        if start == "35":
            start = "3530"
        if start == "2221":
            start = "2230"
        body = start + "".join(str(self.random.randint(0, 9)) for _ in range(length - 1 - len(start)))
        return body + _luhn_digit(body)

    def _iban(self) -> str:
        country, length = self.random.choice(
            [("DE", 22), ("GB", 22), ("FR", 27), ("NL", 18), ("ES", 24), ("NO", 15), ("BE", 16)]
        )
        bank = "".join(self.random.choice("ABCDEFGHKLM") for _ in range(4)) if country in ("GB", "NL") else ""
        body = bank + "".join(str(self.random.randint(0, 9)) for _ in range(length - 4 - len(bank)))
        number = "".join(str(int(s, 36)) for s in body + country + "00")
        return f"{country}{98 - int(number) % 97:02}{body}"

    def _ssn(self) -> str:
        return f"{self.random.choice([*range(1, 666), *range(667, 900)]):03}-{self.random.randint(1, 99):02}-{self.random.randint(1, 9999):04}"

    def _v4(self) -> str:
        return ".".join(str(self.random.randint(10, 250)) for _ in range(4))

    def _v6(self) -> str:
        groups = [f"{self.random.randint(1, 0xFFFF):x}" for _ in range(8)]
        return self.random.choice([":".join(groups), f"2001:db8:{groups[0]}::{groups[1][:3]}1"])

    def _mail(self) -> str:
        local = self.random.choice(["zhang.wei", "li_na88", "j.smith", "anna-k", "wang+shop", "x9"])
        return f"{local}{self.random.randint(1, 999)}@{self.random.choice(['example.com', 'mail.example.cn', 'qq.com', 'firma.example.de'])}"

    def _wechat(self) -> str:
        return self.random.choice(["wx_", "abc", "li-na", "Tom"]) + self.digits(5)

    def _qq(self) -> str:
        return self.digits(self.random.randint(6, 10))

    def _cn(self) -> str:
        tail = "".join(self.random.choice("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789") for _ in range(3))
        return self.random.choice("京沪粤浙苏川") + self.random.choice("ABCDEF") + self.digits(2) + tail

    def _zh(self) -> str:
        road = self.random.choice(["世纪大道", "中山北路", "文三路", "人民南街", "建设路", "深南大道"])
        place = self.random.choice(["上海市浦东新区", "杭州市西湖区", "广东省深圳市南山区", "成都市武侯区", ""])
        tail = self.random.choice(["5栋301室", "2号楼1单元502", "", "A座1203室", "12幢"])
        return f"{place}{road}{self.random.randint(1, 2000)}号{tail}"

    def _en(self) -> str:
        street = self.random.choice(
            ["Main Street", "Oak Avenue", "Baker Street", "Sunset Blvd", "Old Mill Road", "Elm Dr"]
        )
        return f"{self.random.randint(1, 9999)} {street}" + self.random.choice(["", " Apt. 12", ", Suite 400"])

    def _query(self) -> str:
        return f"https://shop.example.com/order/view?id={self.digits(6)}&user=li{self.digits(2)}"


_MADE = {
    "PHONE_spaced": "phone_spaced", "CARD_plain": "card", "CARD_spaced": "card", "IBAN_plain": "iban", "IBAN_spaced": "iban",
    "EMAIL_plain": "mail",
}  # fmt: skip


def _value(slot: str, maker: Maker) -> str:
    value = maker.value(_MADE.get(slot, slot.split("_")[1]))
    if slot in ("CARD_spaced", "IBAN_spaced"):
        gap = maker.random.choice([" ", "-"]) if slot == "CARD_spaced" else " "
        if len(value) == 15 and slot == "CARD_spaced":
            return gap.join([value[:4], value[4:10], value[10:]])
        value = gap.join(value[i : i + 4] for i in range(0, len(value), 4))
    return value


def labelled(half: str, count: int, seed: int = 7) -> Iterator[Labelled]:
    """`count` texts for each template of a half ("tune" or "report")."""
    maker = Maker(seed + (half == "report"))
    for language, templates in (("zh", TEMPLATES_ZH), ("en", TEMPLATES_EN)):
        for template in templates.splitlines()[half == "report" :: 2]:
            for _ in range(count):
                text, spans = "", []
                for piece in re.split(r"(\{[A-Z]+_\w+\})", template):
                    if piece.startswith("{"):
                        value = _value(piece[1:-1], maker)
                        spans.append((len(text), len(text) + len(value), piece[1:].split("_")[0]))
                        text += value
                    else:
                        text += piece
                yield Labelled(text, tuple(spans), language)


def clean(half: str, count: int, seed: int = 11) -> Iterator[Labelled]:
    """`count` texts without identifiers for each clean template of a half."""
    maker = Maker(seed + (half == "report"))
    draw = maker.random

    def fill(slot: re.Match[str]) -> str:
        name = slot[1]
        if name[0] == "n":
            return maker.digits(int(name[1:]))
        return {
            "date": lambda: draw.choice(
                ["{y}-{m:02}-{d:02}", "{d:02}.{m:02}.{y}", "{m}/{d}/{y}", "{y}/{m}/{d}"]
            ).format(y=draw.randint(2015, 2026), m=draw.randint(1, 12), d=draw.randint(1, 28)),
            "date8": lambda: f"{draw.randint(2015, 2026)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}",
            "time": lambda: f"{draw.randint(0, 23):02}:{draw.randint(0, 59):02}",
            "price": lambda: draw.choice(
                [
                    f"{draw.randint(1, 999)}.{draw.randint(0, 99):02}",
                    f"{draw.randint(1, 99)},{draw.randint(0, 999):03}.00",
                ]
            ),
            "ver": lambda: ".".join(str(draw.randint(0, 12)) for _ in range(draw.randint(2, 4))),
            "year": lambda: str(draw.randint(2015, 2026)),
            "m": lambda: str(draw.randint(1, 12)),
            "d": lambda: str(draw.randint(1, 28)),
        }[name]()

    for template in CLEAN[half].splitlines():
        for _ in range(count):
            yield Labelled(re.sub(r"\{(\w+)\}", fill, template), (), "zh" if re.search("[一-鿿]", template) else "en")
