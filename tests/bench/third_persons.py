"""Made-up Chinese texts that name persons nobody knows, and texts of the same kind that name none.

Keep out: a record's own persons (own_texts.py), names that a word such as 先生 tells (rules), measuring.
"""

from collections.abc import Iterator
from random import Random

from tests.bench.redaction_measure import Labelled

# Even lines are the half "tune", odd lines the half "report".
TEMPLATES = """\
昨天是{V}送来的,箱子都压坏了
上门安装的{V}态度很好,讲解也仔细
{V}答应周五之前退款,到现在都没动静
你们店里的{V}说没有货,转头就卖给别人
我跟{V}反映过三次了,没人管
这件事一直是{V}在处理,现在换了人又要从头说一遍
前台{V}很热情,帮我把行李送到房间
发票抬头写成了{V},麻烦重开
孩子的外教课原来是{V}上的,突然就换了
请转告{V},资料已经补交了
{V}和{W}两个人互相推,谁都不负责
要表扬{V}和{W},半夜还来抢修
维修单上签的是{V},可我根本没见过他
听邻居{V}说你们下个月要涨价,是真的吗
隔壁的{V}买的同款就没有问题
这单是我替{V}下的,收货地址写错了
希望公司给{V}加工资,服务真的到位
领导让{V}明天给我答复,结果电话都没有
我妈{V}不会用手机,验证码总是过期
合同是{V}签的字,盖章却是另一家公司
{V}经手的那笔款到现在没到账
带看房子的{V}迟到了一个小时
司机{V}绕路,多收了十几块钱
教练{V}总是临时取消课程
"""
# No person at all, many words that begin like a name.
PLAIN = """\
包装很简单,价格也便宜,总体满意,下次还会再来
马上就要过年了,快递还没到,真是着急
客服态度特别好,耐心解答,程序也方便
屏幕颜色不正,白色发黄,和图片完全不一样
空调噪音大,温度调不下去,夏天根本没法用
高铁票退票手续费太高,余额也不退
牛肉很新鲜,金枪鱼一般,水果不错
周末去的,人很多,等位等了将近一个小时
安装师傅没来,安全绳也没带,何时能装好
于是又等了三天,结果还是没有任何消息
石家庄的仓库发货慢,武汉的快一些
孔雀蓝的颜色很漂亮,毛衣起球严重
江南风格的房间,方桌太小,灯光昏暗
常常断网,路由器重启也没用,申请了两次报修
衣服尺码偏大,穿起来不舒服,白白浪费钱
钱已经扣了,订单却显示没支付,希望尽快解决
苏打水过期了,保质期写得不清楚
平台规则天天变,商家也很无奈
古镇很美,门票有点贵,停车方便
黄油饼干碎了一半,罐头也凹进去了
"""
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金"
SURNAMES += "牛安庄鲁岳申耿关兰代苗曲卫戚尤施窦云温柏"  # less common ones too
GIVEN = (
    "小明 晓红 建军 志强 丽华 雨桐 子涵 浩然 思远 佳怡 俊杰 欣妍 国栋 美玲 文博 海燕 春梅 永福 秀英 桂兰 梓轩 一诺 天佑 若曦 "
    "伟 芳 娜 静 敏 磊 洋 艳 超 霞 婷 鹏 刚 莉 斌 雪"
)


def third_labelled(half: str, count: int, seed: int = 31) -> Iterator[Labelled]:
    """`count` texts a template of a half ("tune" or "report"); each name labelled NAME."""
    draw = Random(seed + (half == "report"))
    for template in TEMPLATES.splitlines()[half == "report" :: 2]:
        for _ in range(count):
            text, spans = template, []
            for slot in ("{V}", "{W}"):
                start = text.find(slot)
                if start >= 0:
                    name = draw.choice(SURNAMES) + draw.choice(GIVEN.split())
                    text = text[:start] + name + text[start + len(slot) :]
                    spans.append((start, start + len(name), "NAME"))
            yield Labelled(text, tuple(spans), "zh")


def plain(half: str) -> Iterator[Labelled]:
    """The texts of a half that name nobody."""
    for text in PLAIN.splitlines()[half == "report" :: 2]:
        yield Labelled(text, (), "zh")
