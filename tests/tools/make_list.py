#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a CSV of people as real lists look: few big domains, a long tail, Chinese names, some
broken rows and duplicates. The same seed gives the same file.

usage: make_list.py ROWS [--seed N] [--encoding E] > list.csv
"""
import argparse
import random
import sys

BIG = ["qq.com"] * 42 + ["163.com"] * 18 + ["gmail.com"] * 8 + ["126.com"] * 6 + ["sina.com"] * 4
BIG += ["outlook.com", "hotmail.com", "foxmail.com", "aliyun.com", "sohu.com", "yeah.net"]
TAIL = 20_000
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀英华"
CITIES = ["北京", "上海", "广州", "深圳", "杭州", "成都", "武汉", "西安", "南京", "重庆"]
BROKEN = ["无", "zhang san@qq.com", "13800138000", "a@@163.com", "li@qq", "w@163.com;li@qq.com", ""]


def domain(rng):
    if rng.random() < 0.9:
        return rng.choice(BIG)
    return f"firma{int(TAIL * rng.random() ** 2)}.example"


def rows(count, rng):
    for i in range(count):
        name = rng.choice(SURNAMES) + "".join(rng.choices(GIVEN, k=rng.randint(1, 2)))
        # Every 100th row repeats an earlier person, every 200th is broken.
        person = rng.randrange(i + 1) if i % 100 == 99 else i
        host = domain(random.Random(person))
        address = f"User{person * 7919 % 1_000_003:06d}.{person}@{host}"
        if i % 200 == 150:
            address = rng.choice(BROKEN)
        phone = f"1{rng.randrange(10**10):010d}"
        yield f"{address},{name},{rng.choice(CITIES)},{phone},{rng.randrange(5000)}\r\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--encoding", default="utf-8")
    args = parser.parse_args()
    out = open(sys.stdout.fileno(), "w", encoding=args.encoding, newline="")
    out.write("邮箱,姓名,城市,手机,积分\r\n")
    out.writelines(rows(args.rows, random.Random(args.seed)))


if __name__ == "__main__":
    main()
