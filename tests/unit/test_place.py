"""How much of a place is kept: every form of a Chinese one, and what only looks like one. Keep out: the gate."""

import duckdb
import pytest

from orchestration.privacy.place import generalised_sql
from orchestration.privacy.prefectures import CITIES, UNDER_A_PROVINCE

CUT = {
    "上海浦东新区": "上海",
    "上海市浦东新区": "上海市",
    "北京朝阳区": "北京",
    "北京市市辖区朝阳区": "北京市",
    "重庆市 酉阳土家族苗族自治县": "重庆市",
    "浙江省杭州市西湖区": "浙江省杭州市",
    "浙江省/杭州市/西湖区": "浙江省/杭州市",
    "中国浙江省杭州市西湖区文三路90号": "中国浙江省杭州市",
    "浙江杭州市西湖区": "浙江杭州市",
    "杭州市西湖区": "杭州市",
    "杭州市区": "杭州市",
    "济南市市中区": "济南市",
    "江苏省苏州市昆山市": "江苏省苏州市",
    "江西省景德镇市珠山区": "江西省景德镇市",
    "河南省新乡市红旗区": "河南省新乡市",
    "四川省成都市武侯区": "四川省成都市",
    "宁夏回族自治区石嘴山市大武口区": "宁夏回族自治区石嘴山市",
    "内蒙古自治区锡林郭勒盟正蓝旗": "内蒙古自治区锡林郭勒盟",
    "内蒙古锡林郭勒盟正蓝旗": "内蒙古锡林郭勒盟",
    "内蒙古自治区呼伦贝尔市满洲里市": "内蒙古自治区呼伦贝尔市",
    "新疆维吾尔自治区伊犁哈萨克自治州伊宁市": "新疆维吾尔自治区伊犁哈萨克自治州",
    "新疆克孜勒苏柯尔克孜自治州阿图什市": "新疆克孜勒苏柯尔克孜自治州",
    "湖南省湘西土家族苗族自治州吉首市": "湖南省湘西土家族苗族自治州",
    "新疆维吾尔自治区阿克苏地区库车市": "新疆维吾尔自治区阿克苏地区",
    "西藏阿里地区噶尔县": "西藏阿里地区",
    "广东天河区": "广东",
    "广西南宁青秀区": "广西南宁",
    "浙江/杭州/西湖区": "浙江/杭州",
    "浙江-杭州-余杭": "浙江-杭州",
    "广东省深圳南山区": "广东省深圳",
    "广东省深圳南山": "广东省深圳",
    "广东深圳南山": "广东深圳",
    "广东-深圳-南山区": "广东-深圳",
    "广东 深圳 南山": "广东 深圳",
    "湖北 武汉 洪山": "湖北 武汉",
    "中国湖北武汉洪山": "中国湖北武汉",
    "湖北仙桃沙嘴": "湖北仙桃",
    "吉林吉林船营": "吉林吉林",
    "湖南省湘潭县": "湖南省湘潭",
    "杭州西湖区": "杭州",
    "杭州 西湖区": "杭州",
    "深圳南山区": "深圳",
    "深圳·南山": "深圳",
    "延边州延吉市": "延边州",
    "吉林省延边州延吉市": "吉林省延边州",
    "大理州大理市": "大理州",
    "海南省陵水黎族自治县": "海南省",
    "海南省保亭黎族苗族自治县保城镇超市": "海南省",
    "香港特别行政区中西区": "香港特别行政区",
    "香港中西区": "香港",
    # A city of a county's rank lies in a prefecture that the words do not name, and so in its province; one that the
    # province runs itself (GB/T 2260, codes xx90xx) lies in none.
    "江苏省昆山市": "江苏省",
    "江苏昆山市": "江苏",
    "中国 江苏省 昆山市 花桥": "中国 江苏省",
    "江苏省昆山市花桥地区": "江苏省",
    "浙江省义乌市北苑街道": "浙江省",
    "吉林省公主岭市": "吉林省",
    "内蒙古锡林浩特市": "内蒙古",
    "台湾省台北市": "台湾省",
    "湖北省仙桃市沙嘴街道": "湖北省仙桃市",
    "河南济源市": "河南济源市",
    "新疆维吾尔自治区石河子市": "新疆维吾尔自治区石河子市",
    "湖北省神农架林区": "湖北省",
    "昆山市玉山镇": "昆山市",
    "Berlin, Mitte": "Berlin",
    "US/West": "US",
    "东京，涩谷": "东京",
}
KEPT = [
    "上海", "上海市", "广东", "广东省", "江苏省", "宁夏回族自治区", "广西壮族自治区", "新疆维吾尔自治区", "香港", "香港特别行政区",
    "澳门特别行政区", "杭州", "浙江杭州", "杭州市", "成都市", "三沙市", "广东省深圳", "江西省景德镇", "延边朝鲜族自治州", "大兴安岭地区", "兴安盟",
    "湖北省仙桃市", "河南省济源市", "海南省文昌市", "吉林省吉林市", "吉林市", "海南藏族自治州", "海南州", "昆山市", "浙江市场部", "广东线上市场部", "江苏省超市",
    "朝阳区", "中山路店", "黄山风景", "浙江/杭州", "广东大理石厂",
    "华东", "华东大区", "华东地区", "广东大区", "浙江一区", "海外市场", "华东市场部", "华东加盟区", "东盟", "Berlin", "NUTS-2 DE30", "Unknown",
    "São Paulo", "CA", "",
]  # fmt: skip


@pytest.mark.parametrize("place", [*CUT, *KEPT])
def test_a_place_is_kept_down_to_its_prefecture(place: str) -> None:
    row = duckdb.sql(f"SELECT {generalised_sql('place')} FROM (SELECT $1 AS place)", params=[place]).fetchone()
    assert row == (CUT.get(place, place),)


@pytest.mark.parametrize("place", [*CUT, *KEPT])
def test_what_is_kept_of_a_place_is_kept_as_it_is(place: str) -> None:
    once = duckdb.sql(f"SELECT {generalised_sql('place')} FROM (SELECT $1 AS place)", params=[place]).fetchone()
    again = duckdb.sql(f"SELECT {generalised_sql('place')} FROM (SELECT $1 AS place)", params=[once[0]]).fetchone()
    assert again == once


def test_the_cities_known_are_those_of_the_standard() -> None:
    listed = [name for names in CITIES.values() for name in names.split()]
    under = [name for names in UNDER_A_PROVINCE.values() for name in names.split()]
    assert (len(CITIES), len(listed), len(under)) == (27, 293, 21) and len({*listed, *under}) == 293 + 21
    places = [
        f"{province}省{name}市某区"
        for found in (CITIES, UNDER_A_PROVINCE)
        for province, names in found.items()
        for name in names.split()
    ]
    cut = duckdb.sql(f"SELECT {generalised_sql('place')} FROM (SELECT unnest($1) AS place)", params=[places]).fetchall()
    assert [place for (place,) in cut] == [place.removesuffix("某区") for place in places]
