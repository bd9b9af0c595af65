# SPDX-License-Identifier: MIT
"""The sample people of the demo: Chinese and English names over the domains of domains.json, the
same for the same seed. All domains end in .example, which can be nobody's (RFC 2606).

usage: people.py COUNT [--seed N] > people.csv
"""
import argparse
import csv
import json
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
HEADER = ["邮箱", "姓名", "称呼", "语言", "城市", "积分", "等级"]

SURNAMES = {
    "王": "wang", "李": "li", "张": "zhang", "刘": "liu", "陈": "chen", "杨": "yang", "赵": "zhao",
    "黄": "huang", "周": "zhou", "吴": "wu", "徐": "xu", "孙": "sun", "胡": "hu", "朱": "zhu",
    "高": "gao", "林": "lin", "何": "he", "郭": "guo", "马": "ma", "罗": "luo", "梁": "liang",
    "宋": "song", "郑": "zheng", "谢": "xie", "韩": "han", "唐": "tang", "冯": "feng", "董": "dong",
    "程": "cheng", "曹": "cao", "袁": "yuan", "邓": "deng", "欧阳": "ouyang", "诸葛": "zhuge",
}
GIVEN = {
    "伟": "wei", "芳": "fang", "娜": "na", "敏": "min", "静": "jing", "强": "qiang", "磊": "lei",
    "洋": "yang", "勇": "yong", "艳": "yan", "杰": "jie", "涛": "tao", "明": "ming", "超": "chao",
    "英": "ying", "华": "hua", "子涵": "zihan", "雨桐": "yutong", "浩然": "haoran", "欣怡": "xinyi",
    "梓萱": "zixuan", "思远": "siyuan", "佳琪": "jiaqi", "建国": "jianguo", "秀兰": "xiulan",
    "志强": "zhiqiang", "晓东": "xiaodong", "丽娟": "lijuan", "海燕": "haiyan", "文博": "wenbo",
}
CHINESE_CITIES = ["北京", "上海", "广州", "深圳", "杭州", "成都", "武汉", "西安", "南京", "重庆",
                  "苏州", "厦门"]
FIRST = ["Emma", "Liam", "Olivia", "Noah", "Ava", "James", "Sophia", "Lucas", "Mia", "Henry",
         "Grace", "Oscar", "Chloe", "Samuel", "Ruby", "Daniel", "Alice", "Thomas", "Zoë", "André"]
LAST = ["Smith", "Jones", "Taylor", "Brown", "Wilson", "Evans", "Walker", "Wright", "Green",
        "Hall", "Clarke", "Baker", "O'Brien", "Müller", "Garcia", "Rossi", "Novák", "Larsen"]
CITIES = ["London", "New York", "Toronto", "Sydney", "Dublin", "Seattle", "Berlin", "Singapore"]
ASCII = str.maketrans({"ë": "e", "é": "e", "ü": "u", "á": "a", "'": ""})
TIERS = ["普通", "普通", "普通", "银卡", "银卡", "金卡"]


def load_domains():
    return json.loads((HERE / "domains.json").read_text(encoding="utf-8"))


def chinese_person(rng):
    """Name, what to call them, and the local part that such people choose."""
    surname, given = rng.choice(list(SURNAMES)), rng.choice(list(GIVEN))
    title = rng.choice(["先生", "女士"])
    local = rng.choice(["{1}{0}", "{0}.{1}", "{0}{1}"]).format(SURNAMES[surname], GIVEN[given])
    return surname + given, surname + title, local, "zh", rng.choice(CHINESE_CITIES)


def english_person(rng):
    first, last = rng.choice(FIRST), rng.choice(LAST)
    local = rng.choice(["{0}.{1}", "{0}{1}", "{0}_{1}"]).format(first, last).translate(ASCII)
    return f"{first} {last}", first, local.lower(), "en", rng.choice(CITIES)


def people(count, seed):
    """Rows below HEADER; every address once, for it ends in the number of the person."""
    rng = random.Random(seed)
    domains = load_domains()
    shares = [domain["share"] for domain in domains]
    for number in range(1, count + 1):
        domain = rng.choices(domains, shares)[0]
        make = chinese_person if rng.random() < domain["chinese"] else english_person
        name, call, local, language, city = make(rng)
        yield [f"{local}{number}@{domain['domain']}", name, call, language, city,
               rng.randrange(0, 5000, 10), rng.choice(TIERS)]


def write(file, count, seed):
    writer = csv.writer(file)
    writer.writerow(HEADER)
    writer.writerows(people(count, seed))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8", newline="")
    write(sys.stdout, arguments.count, arguments.seed)


if __name__ == "__main__":
    main()
